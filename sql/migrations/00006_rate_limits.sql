-- +goose Up
CREATE TABLE rate_limits (
    key       bytea       NOT NULL,
    taken     integer     NOT NULL,
    resets_at timestamptz NOT NULL,
    CONSTRAINT rate_limits_pkey PRIMARY KEY (key)
);
COMMENT ON TABLE  rate_limits           IS 'Attempts at what must not be guessed or flooded, counted for all processes.';
COMMENT ON COLUMN rate_limits.key       IS 'A keyed hash of what is limited, such as logins from one address: it names nobody.';
COMMENT ON COLUMN rate_limits.taken     IS 'Attempts since the window began.';
COMMENT ON COLUMN rate_limits.resets_at IS 'When the window ends.';

CREATE INDEX rate_limits_resets_at_idx ON rate_limits (resets_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limits TO rowhouse_login;

-- +goose StatementBegin
CREATE FUNCTION rate_limit_take(keys bytea[], most integer[], seconds integer[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Counts one attempt against each key, in an order that no two callers reverse. RHLIM: one of them is used up, and nothing
-- was counted; its DETAIL is `<attempts a window> <seconds until the window ends>`. For a transaction of its own.
DECLARE
    wanted record;
    used   integer;
    ends   timestamptz;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true); -- a crash may forget the last attempts; no login waits for a disk
    FOR wanted IN SELECT * FROM unnest(keys, most, seconds) AS w (key, most, seconds) ORDER BY w.key LOOP
        INSERT INTO rate_limits AS r (key, taken, resets_at)
        VALUES (wanted.key, 1, now() + wanted.seconds * interval '1 second')
        ON CONFLICT (key) DO UPDATE
           SET taken     = CASE WHEN r.resets_at > now() THEN r.taken + 1 ELSE 1 END,
               resets_at = CASE WHEN r.resets_at > now() THEN r.resets_at ELSE excluded.resets_at END
        RETURNING r.taken, r.resets_at INTO used, ends;
        IF used > wanted.most THEN
            RAISE EXCEPTION 'too many attempts'
                USING ERRCODE = 'RHLIM', DETAIL = wanted.most || ' ' || ceil(extract(epoch FROM ends - now()));
        END IF;
    END LOOP;
    DELETE FROM rate_limits r -- a few of those that count no more
     WHERE r.key IN (SELECT o.key FROM rate_limits o WHERE o.resets_at < now() - interval '1 minute' ORDER BY o.resets_at LIMIT 4 FOR UPDATE SKIP LOCKED);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION rate_limit_give(keys bytea[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Takes one attempt back from each key. For a transaction of its own too: whoever attempts next waits for it.
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE rate_limits r
       SET taken = greatest(r.taken - 1, 0)
      FROM (SELECT l.key FROM rate_limits l WHERE l.key = ANY (keys) ORDER BY l.key FOR NO KEY UPDATE) AS locked
     WHERE r.key = locked.key;
END
$$;
-- +goose StatementEnd

REVOKE EXECUTE ON FUNCTION rate_limit_take(bytea[], integer[], integer[]), rate_limit_give(bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rate_limit_take(bytea[], integer[], integer[]), rate_limit_give(bytea[]) TO rowhouse_login;

-- +goose Down
DROP FUNCTION rate_limit_give(bytea[]);
DROP FUNCTION rate_limit_take(bytea[], integer[], integer[]);
DROP TABLE rate_limits;
