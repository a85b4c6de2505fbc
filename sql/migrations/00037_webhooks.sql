-- +goose Up
CREATE TABLE webhooks (
    tenant_id             uuid        NOT NULL,
    id                    uuid        NOT NULL DEFAULT uuid_v7(),
    user_id               uuid,
    url                   text        NOT NULL,
    description           text,
    events                text[],
    secret                bytea       NOT NULL,
    previous_secret       bytea,
    previous_secret_until timestamptz,
    disabled_at           timestamptz,
    disabled_reason       text,
    failing_since         timestamptz,
    version               bigint      NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhooks_pkey              PRIMARY KEY (tenant_id, id),
    CONSTRAINT webhooks_tenant_id_fkey    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT webhooks_user_id_fkey      FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE SET NULL (user_id),
    CONSTRAINT webhooks_url_check         CHECK (url ~ '^https?://[!-~]+$' AND length(url) <= 500),
    CONSTRAINT webhooks_description_check CHECK (length(description) <= 500),
    CONSTRAINT webhooks_events_check      CHECK (cardinality(events) <= 200),
    CONSTRAINT webhooks_secret_check      CHECK (octet_length(secret) BETWEEN 1 AND 200),
    CONSTRAINT webhooks_reason_check      CHECK (disabled_reason IN ('asked', 'user', 'failing', 'gone', 'secret')),
    CONSTRAINT webhooks_disabled_check    CHECK (disabled_reason IS NOT NULL OR disabled_at IS NULL),
    CONSTRAINT webhooks_user_id_check     CHECK (user_id IS NOT NULL OR disabled_at IS NOT NULL)
);
COMMENT ON TABLE webhooks IS 'Endpoints that are told what changes.';
COMMENT ON COLUMN webhooks.user_id               IS 'With whose eyes it sees: who made it, or let it be told again. NULL: that user is gone.';
COMMENT ON COLUMN webhooks.url                   IS 'Example: https://hooks.example.com/rowhouse';
COMMENT ON COLUMN webhooks.description           IS 'Example: Keeps the stock server in step';
COMMENT ON COLUMN webhooks.events                IS 'The operations that it is told of; NULL: all.';
COMMENT ON COLUMN webhooks.secret                IS 'What its messages are signed with, sealed by a key that the database does not hold.';
COMMENT ON COLUMN webhooks.previous_secret       IS 'The one before, likewise, which also signs until previous_secret_until.';
COMMENT ON COLUMN webhooks.previous_secret_until IS 'Until when the secret before the last rotation signs too.';
COMMENT ON COLUMN webhooks.disabled_at           IS 'Since when it is told nothing; NULL: it is told.';
COMMENT ON COLUMN webhooks.disabled_reason       IS 'Why it is, where it is; asked: somebody did. user: its user is out, or may read no webhooks. failing: for a week. gone: it answered 410. secret: its secret can no longer be read.';
COMMENT ON COLUMN webhooks.failing_since         IS 'When the first of the attempts was that failed since the last success.';
COMMENT ON CONSTRAINT webhooks_user_id_fkey      ON webhooks IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT webhooks_url_check         ON webhooks IS 'url format: An address that begins with https://, of up to 500 characters of ASCII.';
COMMENT ON CONSTRAINT webhooks_description_check ON webhooks IS 'At most 500 characters.';
COMMENT ON CONSTRAINT webhooks_events_check      ON webhooks IS 'At most 200 events.';
COMMENT ON CONSTRAINT webhooks_secret_check      ON webhooks IS 'internal: A sealed text.';
COMMENT ON CONSTRAINT webhooks_reason_check      ON webhooks IS 'internal: One of asked, user, failing, gone, secret.';
COMMENT ON CONSTRAINT webhooks_disabled_check    ON webhooks IS 'internal: What is disabled has a reason.';
COMMENT ON CONSTRAINT webhooks_user_id_check     ON webhooks IS 'internal: What is told sees with somebody''s eyes.';

CREATE INDEX webhooks_created_at_idx  ON webhooks (tenant_id, created_at, id);
CREATE INDEX webhooks_user_id_idx     ON webhooks (tenant_id, user_id, created_at, id);
CREATE INDEX webhooks_disabled_at_idx ON webhooks (tenant_id, id) WHERE disabled_at IS NULL;

ALTER TABLE webhooks ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhooks FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON webhooks
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION webhooks_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.user_id, OLD.url, OLD.description, OLD.events, OLD.previous_secret_until, OLD.disabled_at, OLD.disabled_reason)
       IS DISTINCT FROM
       (NEW.user_id, NEW.url, NEW.description, NEW.events, NEW.previous_secret_until, NEW.disabled_at, NEW.disabled_reason) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION webhooks_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON webhooks FOR EACH ROW EXECUTE FUNCTION webhooks_touch();

-- +goose StatementBegin
CREATE FUNCTION webhooks_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'webhooks.insert'), 'webhook', n.id, n.version,
               jsonb_build_object('user_id', n.user_id, 'url', n.url, 'description', n.description, 'events', n.events,
                                  'previous_secret_until', n.previous_secret_until, 'disabled_at', n.disabled_at,
                                  'disabled_reason', n.disabled_reason)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'webhooks.update'), 'webhook', n.id, n.version,
               CASE WHEN o.user_id               IS DISTINCT FROM n.user_id               THEN jsonb_build_object('user_id',               o.user_id)               ELSE '{}' END
            || CASE WHEN o.url                   IS DISTINCT FROM n.url                   THEN jsonb_build_object('url',                   o.url)                   ELSE '{}' END
            || CASE WHEN o.description           IS DISTINCT FROM n.description           THEN jsonb_build_object('description',           o.description)           ELSE '{}' END
            || CASE WHEN o.events                IS DISTINCT FROM n.events                THEN jsonb_build_object('events',                o.events)                ELSE '{}' END
            || CASE WHEN o.previous_secret_until IS DISTINCT FROM n.previous_secret_until THEN jsonb_build_object('previous_secret_until', o.previous_secret_until) ELSE '{}' END
            || CASE WHEN o.disabled_at           IS DISTINCT FROM n.disabled_at           THEN jsonb_build_object('disabled_at',           o.disabled_at)           ELSE '{}' END
            || CASE WHEN o.disabled_reason       IS DISTINCT FROM n.disabled_reason       THEN jsonb_build_object('disabled_reason',       o.disabled_reason)       ELSE '{}' END,
               CASE WHEN o.user_id               IS DISTINCT FROM n.user_id               THEN jsonb_build_object('user_id',               n.user_id)               ELSE '{}' END
            || CASE WHEN o.url                   IS DISTINCT FROM n.url                   THEN jsonb_build_object('url',                   n.url)                   ELSE '{}' END
            || CASE WHEN o.description           IS DISTINCT FROM n.description           THEN jsonb_build_object('description',           n.description)           ELSE '{}' END
            || CASE WHEN o.events                IS DISTINCT FROM n.events                THEN jsonb_build_object('events',                n.events)                ELSE '{}' END
            || CASE WHEN o.previous_secret_until IS DISTINCT FROM n.previous_secret_until THEN jsonb_build_object('previous_secret_until', n.previous_secret_until) ELSE '{}' END
            || CASE WHEN o.disabled_at           IS DISTINCT FROM n.disabled_at           THEN jsonb_build_object('disabled_at',           n.disabled_at)           ELSE '{}' END
            || CASE WHEN o.disabled_reason       IS DISTINCT FROM n.disabled_reason       THEN jsonb_build_object('disabled_reason',       n.disabled_reason)       ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.user_id, o.url, o.description, o.events, o.previous_secret_until, o.disabled_at, o.disabled_reason)
               IS DISTINCT FROM
               (n.user_id, n.url, n.description, n.events, n.previous_secret_until, n.disabled_at, n.disabled_reason)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'webhooks.delete'), 'webhook', n.id, n.version + 1,
               jsonb_build_object('user_id', n.user_id, 'url', n.url, 'description', n.description, 'events', n.events,
                                  'previous_secret_until', n.previous_secret_until, 'disabled_at', n.disabled_at,
                                  'disabled_reason', n.disabled_reason)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'webhooks.' || lower(TG_OP COLLATE "C")), 'webhook', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION webhooks_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON webhooks REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON webhooks REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON webhooks REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_audit();

-- +goose StatementBegin
CREATE FUNCTION confer_webhook() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Before an endpoint is made, or is told other things, or somewhere else, or again: RHGRT where it would see what whoever asks does not, such as a
-- key of few scopes; DETAIL lists that. RHMNY: the tenant has as many that are told as there may be, for each costs something at each
-- change. System work may
-- do both.
DECLARE
    missing text[];
BEGIN
    IF me() IS NULL AND visit() IS NULL THEN
        RETURN NEW;
    END IF;
    missing := lacking(user_grants(NEW.user_id), my_grants());
    IF missing <> '{}' THEN
        RAISE EXCEPTION 'sees what the giver does not' USING ERRCODE = 'RHGRT', TABLE = 'webhooks', DETAIL = array_to_string(missing, ', ');
    ELSIF (TG_OP = 'INSERT' OR OLD.disabled_at IS NOT NULL) AND NEW.disabled_at IS NULL
          AND (SELECT count(*) FROM webhooks w WHERE w.tenant_id = current_tenant() AND w.disabled_at IS NULL) >= 50 THEN
        RAISE EXCEPTION 'too many' USING ERRCODE = 'RHMNY';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION confer_webhook() IS 'Keeps an endpoint from seeing more than whoever sets it up.';

-- +goose StatementBegin
CREATE FUNCTION end_webhooks() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- When a user is shut out, or before he is gone: nothing is told any more that is seen with his eyes. It is disabled for good; another may let it be
-- told again, with his own.
BEGIN
    UPDATE webhooks w
       SET disabled_at     = coalesce(w.disabled_at, now()),
           disabled_reason = coalesce(w.disabled_reason, 'user'),
           user_id         = CASE WHEN TG_OP = 'UPDATE' THEN w.user_id END
     WHERE w.tenant_id = OLD.tenant_id
       AND w.user_id = OLD.id
       AND (w.disabled_at IS NULL OR TG_OP = 'DELETE');
    RETURN coalesce(NEW, OLD);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION end_webhooks() IS 'Disables the endpoints that see with the eyes of a user who is out.';

-- +goose StatementBegin
CREATE FUNCTION enter_user(tenant uuid, somebody uuid, permission text, operation text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Binds this transaction to a user of the tenant who does not ask, with the reach that he has now, for what is done on his behalf. RHTEN, RHEML,
-- RHPER: refused, as in enter.
DECLARE
    account  uuid;
    artist   uuid;
    reach    text;
    unproven boolean;
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    SELECT u.account_id,
           u.artist_id,
           CASE u.role WHEN 'admin'     THEN p.admin
                       WHEN 'assistant' THEN p.assistant
                       WHEN 'artist'    THEN p.artist
                       WHEN 'member'    THEN p.member
           END,
           a.email_verified_at IS NULL AND t.created_by IS NOT NULL AND t.created_by <> a.id AND t.id IS DISTINCT FROM a.made_in
      INTO account,
           artist,
           reach,
           unproven
      FROM users u
      JOIN accounts a         ON a.id = u.account_id
      JOIN tenants t          ON t.id = u.tenant_id
      LEFT JOIN permissions p ON p.name = permission
     WHERE u.tenant_id = tenant
       AND u.id = somebody
       AND u.is_active
       AND a.is_active
       AND t.status = 'active';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not a user of this tenant' USING ERRCODE = 'RHTEN';
    ELSIF unproven THEN
        RAISE EXCEPTION 'nobody has proven this e-mail' USING ERRCODE = 'RHEML';
    END IF;
    IF reach IS DISTINCT FROM 'any' THEN
        reach := least(reach, custom_reach(somebody, permission));
    END IF;
    IF reach IS NULL THEN
        RAISE EXCEPTION 'lacks %', permission USING ERRCODE = 'RHPER';
    END IF;
    PERFORM set_config('app.caller', concat(somebody, ' ', account, ' ', reach, '  ', operation, '  ', artist, '  '), true);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION enter_user(uuid, uuid, text, text) IS 'The door of the tenant scope for what is done on behalf of a user.';

REVOKE EXECUTE ON FUNCTION confer_webhook(), end_webhooks(), enter_user(uuid, uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enter_user(uuid, uuid, text, text) TO rowhouse_app;

CREATE TRIGGER confer_insert BEFORE INSERT ON webhooks FOR EACH ROW EXECUTE FUNCTION confer_webhook();
CREATE TRIGGER confer_update BEFORE UPDATE ON webhooks FOR EACH ROW
    WHEN (NEW.url <> OLD.url OR NEW.events IS DISTINCT FROM OLD.events OR NEW.secret <> OLD.secret OR NEW.disabled_at IS NULL AND OLD.disabled_at IS NOT NULL)
    EXECUTE FUNCTION confer_webhook();
CREATE TRIGGER end_webhooks_delete BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION end_webhooks();
CREATE TRIGGER end_webhooks_update AFTER UPDATE OF is_active ON users FOR EACH ROW
    WHEN (OLD.is_active AND NOT NEW.is_active)
    EXECUTE FUNCTION end_webhooks();

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('webhooks:read',  'any', NULL, NULL, NULL, 'any'),
       ('webhooks:write', 'any', NULL, NULL, NULL, NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('webhooks:read', 'webhooks:write');
DROP TRIGGER end_webhooks_update ON users;
DROP TRIGGER end_webhooks_delete ON users;
DROP FUNCTION enter_user(uuid, uuid, text, text);
DROP FUNCTION end_webhooks();
DROP TABLE webhooks;
DROP FUNCTION confer_webhook();
DROP FUNCTION webhooks_audit();
DROP FUNCTION webhooks_touch();
