-- +goose Up
-- No role holds a privilege that no query needs. What a later resource needs, its own migration grants.
REVOKE UPDATE, DELETE ON artists FROM rowhouse_app;
REVOKE DELETE ON idempotency_keys FROM rowhouse_app, rowhouse_login;
REVOKE DELETE ON accounts, refresh_tokens FROM rowhouse_login;
REVOKE UPDATE ON one_time_tokens FROM rowhouse_login;
REVOKE SELECT ON account_events FROM rowhouse_login;
REVOKE EXECUTE ON FUNCTION my_artist() FROM rowhouse_app;
REVOKE EXECUTE ON FUNCTION me(), reaches_all() FROM rowhouse_login;

-- +goose Down
GRANT EXECUTE ON FUNCTION me(), reaches_all() TO rowhouse_login;
GRANT EXECUTE ON FUNCTION my_artist() TO rowhouse_app;
GRANT SELECT ON account_events TO rowhouse_login;
GRANT UPDATE ON one_time_tokens TO rowhouse_login;
GRANT DELETE ON accounts, refresh_tokens TO rowhouse_login;
GRANT DELETE ON idempotency_keys TO rowhouse_app, rowhouse_login;
GRANT UPDATE, DELETE ON artists TO rowhouse_app;
