-- +goose Up
-- An account in a tenant.
CREATE TABLE users (
    tenant_id         uuid        NOT NULL,
    id                uuid        NOT NULL DEFAULT uuid_v7(),
    account_id        uuid        NOT NULL,
    username          text        NOT NULL COLLATE "C",
    email             text,
    name              text,
    role              text        NOT NULL DEFAULT 'member',
    is_active         boolean     NOT NULL DEFAULT true,
    version           bigint      NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    team_id           uuid,
    artist_id         uuid,
    first_name        text,
    last_name         text,
    birthdate         date,
    phone             text,
    instagram         text,
    bio               text,
    search_visibility text        NOT NULL DEFAULT 'public',
    email_privacy     text        NOT NULL DEFAULT 'private',
    public_profile    boolean     NOT NULL DEFAULT true,
    last_login        timestamptz,
    name_key          text        NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(coalesce(name, username))) STORED,
    CONSTRAINT users_pkey                    PRIMARY KEY (tenant_id, id),
    CONSTRAINT users_tenant_id_fkey          FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT users_account_id_fkey         FOREIGN KEY (account_id) REFERENCES accounts (id),
    CONSTRAINT users_account_id_key          UNIQUE (tenant_id, account_id),
    CONSTRAINT users_email_key               UNIQUE (tenant_id, email),
    CONSTRAINT users_team_id_fkey            FOREIGN KEY (tenant_id, team_id) REFERENCES teams (tenant_id, id),
    CONSTRAINT users_artist_id_fkey          FOREIGN KEY (tenant_id, artist_id) REFERENCES artists (tenant_id, id),
    CONSTRAINT users_artist_id_key           UNIQUE (tenant_id, artist_id),
    CONSTRAINT users_role_check              CHECK (role IN ('admin', 'assistant', 'artist', 'member')),
    CONSTRAINT users_artist_check            CHECK ((role = 'artist') = (artist_id IS NOT NULL)),
    CONSTRAINT users_email_check             CHECK (email = lower(email COLLATE "C") AND length(email) <= 254),
    CONSTRAINT users_name_check              CHECK (length(name) BETWEEN 1 AND 120),
    CONSTRAINT users_first_name_check        CHECK (length(first_name) <= 150),
    CONSTRAINT users_last_name_check         CHECK (length(last_name) <= 150),
    CONSTRAINT users_phone_check             CHECK (length(phone) <= 32),
    CONSTRAINT users_instagram_check         CHECK (length(instagram) <= 64 AND instagram NOT LIKE '@%'),
    CONSTRAINT users_bio_check               CHECK (length(bio) <= 10000),
    CONSTRAINT users_search_visibility_check CHECK (search_visibility IN ('public', 'private')),
    CONSTRAINT users_email_privacy_check     CHECK (email_privacy IN ('public', 'private', 'never'))
);
COMMENT ON TABLE users IS 'Who belongs to a tenant, and as what.';
COMMENT ON COLUMN users.username          IS 'The account''s username, copied when the user is made; read-only.';
COMMENT ON COLUMN users.email             IS 'The contact e-mail in this tenant, in its canonical form; it logs nobody in.';
COMMENT ON COLUMN users.role              IS 'The primary role: a column of the table permissions.';
COMMENT ON COLUMN users.artist_id         IS 'Which artist the user is: set exactly when the role is artist.';
COMMENT ON COLUMN users.instagram         IS 'Without its @.';
COMMENT ON COLUMN users.bio               IS 'HTML, sanitised when it was written.';
COMMENT ON COLUMN users.search_visibility IS 'private: found by nobody in the directory.';
COMMENT ON COLUMN users.email_privacy     IS 'Who sees the contact e-mail: everybody, users of the tenant (private), or the user and admins alone (never).';
COMMENT ON COLUMN users.last_login        IS 'When the newest login began with which the user entered this tenant.';
COMMENT ON COLUMN users.name_key          IS 'The name, or without one the username, as it is sorted and searched by.';
COMMENT ON CONSTRAINT users_account_id_key          ON users IS 'This account is a user of this tenant already.';
COMMENT ON CONSTRAINT users_email_key               ON users IS 'email_taken: Another user of this tenant has this e-mail.';
COMMENT ON CONSTRAINT users_team_id_fkey            ON users IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT users_artist_id_fkey          ON users IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT users_artist_id_key           ON users IS 'artist_taken: Another user of this tenant is this artist.';
COMMENT ON CONSTRAINT users_role_check              ON users IS 'One of admin, assistant, artist, member.';
COMMENT ON CONSTRAINT users_artist_check            ON users IS 'artist_id required_with_role: Given exactly when the role is artist.';
COMMENT ON CONSTRAINT users_email_check             ON users IS 'email format: An e-mail address of up to 254 characters.';
COMMENT ON CONSTRAINT users_name_check              ON users IS '1 to 120 characters.';
COMMENT ON CONSTRAINT users_first_name_check        ON users IS 'At most 150 characters.';
COMMENT ON CONSTRAINT users_last_name_check         ON users IS 'At most 150 characters.';
COMMENT ON CONSTRAINT users_phone_check             ON users IS 'At most 32 characters.';
COMMENT ON CONSTRAINT users_instagram_check         ON users IS 'instagram max_length: At most 64 characters, without the @.';
COMMENT ON CONSTRAINT users_bio_check               ON users IS 'At most 10000 characters.';
COMMENT ON CONSTRAINT users_search_visibility_check ON users IS 'One of public, private.';
COMMENT ON CONSTRAINT users_email_privacy_check     ON users IS 'One of public, private, never.';

CREATE INDEX users_created_at_idx ON users (tenant_id, created_at, id);
CREATE INDEX users_name_key_idx   ON users (tenant_id, name_key, id);
CREATE INDEX users_username_idx   ON users (tenant_id, username, id);
CREATE INDEX users_team_id_idx    ON users (tenant_id, team_id, created_at, id);
CREATE INDEX users_role_idx       ON users (tenant_id, role, created_at, id);
-- Here and elsewhere: where two columns together name a row, each index that begins with one of them goes on with the other: the planner, for
-- which both indexes are as good, takes either.
CREATE INDEX users_account_id_idx ON users (account_id, tenant_id);

ALTER TABLE users ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON users
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON users TO rowhouse_app;
GRANT SELECT ON users TO rowhouse_login;

-- An account sees where it belongs, and that alone, while no tenant is bound.
CREATE POLICY account_own ON users FOR SELECT TO rowhouse_login
    USING ((SELECT current_tenant()) IS NULL AND account_id = (SELECT my_account()));
CREATE POLICY account_own ON tenants FOR SELECT TO rowhouse_login
    USING ((SELECT current_tenant()) IS NULL AND id IN (SELECT tenant_id FROM users WHERE account_id = (SELECT my_account())));

-- +goose StatementBegin
CREATE FUNCTION users_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.account_id, OLD.username, OLD.email, OLD.name, OLD.role, OLD.is_active, OLD.team_id, OLD.artist_id, OLD.first_name, OLD.last_name,
        OLD.birthdate, OLD.phone, OLD.instagram, OLD.bio, OLD.search_visibility, OLD.email_privacy, OLD.public_profile)
       IS DISTINCT FROM
       (NEW.account_id, NEW.username, NEW.email, NEW.name, NEW.role, NEW.is_active, NEW.team_id, NEW.artist_id, NEW.first_name, NEW.last_name,
        NEW.birthdate, NEW.phone, NEW.instagram, NEW.bio, NEW.search_visibility, NEW.email_privacy, NEW.public_profile) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION users_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION users_touch();

-- +goose StatementBegin
CREATE FUNCTION users_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'users.insert'), 'user', n.id, n.version,
               jsonb_build_object('account_id', n.account_id, 'username', n.username, 'email', n.email, 'name', n.name, 'role', n.role,
                                  'is_active', n.is_active, 'team_id', n.team_id, 'artist_id', n.artist_id, 'first_name', n.first_name,
                                  'last_name', n.last_name, 'birthdate', n.birthdate, 'phone', n.phone, 'instagram', n.instagram, 'bio', n.bio,
                                  'search_visibility', n.search_visibility, 'email_privacy', n.email_privacy,
                                  'public_profile', n.public_profile)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'users.update'), 'user', n.id, n.version,
               CASE WHEN o.account_id        IS DISTINCT FROM n.account_id        THEN jsonb_build_object('account_id',        o.account_id)        ELSE '{}' END
            || CASE WHEN o.username          IS DISTINCT FROM n.username          THEN jsonb_build_object('username',          o.username)          ELSE '{}' END
            || CASE WHEN o.email             IS DISTINCT FROM n.email             THEN jsonb_build_object('email',             o.email)             ELSE '{}' END
            || CASE WHEN o.name              IS DISTINCT FROM n.name              THEN jsonb_build_object('name',              o.name)              ELSE '{}' END
            || CASE WHEN o.role              IS DISTINCT FROM n.role              THEN jsonb_build_object('role',              o.role)              ELSE '{}' END
            || CASE WHEN o.is_active         IS DISTINCT FROM n.is_active         THEN jsonb_build_object('is_active',         o.is_active)         ELSE '{}' END
            || CASE WHEN o.team_id           IS DISTINCT FROM n.team_id           THEN jsonb_build_object('team_id',           o.team_id)           ELSE '{}' END
            || CASE WHEN o.artist_id         IS DISTINCT FROM n.artist_id         THEN jsonb_build_object('artist_id',         o.artist_id)         ELSE '{}' END
            || CASE WHEN o.first_name        IS DISTINCT FROM n.first_name        THEN jsonb_build_object('first_name',        o.first_name)        ELSE '{}' END
            || CASE WHEN o.last_name         IS DISTINCT FROM n.last_name         THEN jsonb_build_object('last_name',         o.last_name)         ELSE '{}' END
            || CASE WHEN o.birthdate         IS DISTINCT FROM n.birthdate         THEN jsonb_build_object('birthdate',         o.birthdate)         ELSE '{}' END
            || CASE WHEN o.phone             IS DISTINCT FROM n.phone             THEN jsonb_build_object('phone',             o.phone)             ELSE '{}' END
            || CASE WHEN o.instagram         IS DISTINCT FROM n.instagram         THEN jsonb_build_object('instagram',         o.instagram)         ELSE '{}' END
            || CASE WHEN o.bio               IS DISTINCT FROM n.bio               THEN jsonb_build_object('bio',               o.bio)               ELSE '{}' END
            || CASE WHEN o.search_visibility IS DISTINCT FROM n.search_visibility THEN jsonb_build_object('search_visibility', o.search_visibility) ELSE '{}' END
            || CASE WHEN o.email_privacy     IS DISTINCT FROM n.email_privacy     THEN jsonb_build_object('email_privacy',     o.email_privacy)     ELSE '{}' END
            || CASE WHEN o.public_profile    IS DISTINCT FROM n.public_profile    THEN jsonb_build_object('public_profile',    o.public_profile)    ELSE '{}' END,
               CASE WHEN o.account_id        IS DISTINCT FROM n.account_id        THEN jsonb_build_object('account_id',        n.account_id)        ELSE '{}' END
            || CASE WHEN o.username          IS DISTINCT FROM n.username          THEN jsonb_build_object('username',          n.username)          ELSE '{}' END
            || CASE WHEN o.email             IS DISTINCT FROM n.email             THEN jsonb_build_object('email',             n.email)             ELSE '{}' END
            || CASE WHEN o.name              IS DISTINCT FROM n.name              THEN jsonb_build_object('name',              n.name)              ELSE '{}' END
            || CASE WHEN o.role              IS DISTINCT FROM n.role              THEN jsonb_build_object('role',              n.role)              ELSE '{}' END
            || CASE WHEN o.is_active         IS DISTINCT FROM n.is_active         THEN jsonb_build_object('is_active',         n.is_active)         ELSE '{}' END
            || CASE WHEN o.team_id           IS DISTINCT FROM n.team_id           THEN jsonb_build_object('team_id',           n.team_id)           ELSE '{}' END
            || CASE WHEN o.artist_id         IS DISTINCT FROM n.artist_id         THEN jsonb_build_object('artist_id',         n.artist_id)         ELSE '{}' END
            || CASE WHEN o.first_name        IS DISTINCT FROM n.first_name        THEN jsonb_build_object('first_name',        n.first_name)        ELSE '{}' END
            || CASE WHEN o.last_name         IS DISTINCT FROM n.last_name         THEN jsonb_build_object('last_name',         n.last_name)         ELSE '{}' END
            || CASE WHEN o.birthdate         IS DISTINCT FROM n.birthdate         THEN jsonb_build_object('birthdate',         n.birthdate)         ELSE '{}' END
            || CASE WHEN o.phone             IS DISTINCT FROM n.phone             THEN jsonb_build_object('phone',             n.phone)             ELSE '{}' END
            || CASE WHEN o.instagram         IS DISTINCT FROM n.instagram         THEN jsonb_build_object('instagram',         n.instagram)         ELSE '{}' END
            || CASE WHEN o.bio               IS DISTINCT FROM n.bio               THEN jsonb_build_object('bio',               n.bio)               ELSE '{}' END
            || CASE WHEN o.search_visibility IS DISTINCT FROM n.search_visibility THEN jsonb_build_object('search_visibility', n.search_visibility) ELSE '{}' END
            || CASE WHEN o.email_privacy     IS DISTINCT FROM n.email_privacy     THEN jsonb_build_object('email_privacy',     n.email_privacy)     ELSE '{}' END
            || CASE WHEN o.public_profile    IS DISTINCT FROM n.public_profile    THEN jsonb_build_object('public_profile',    n.public_profile)    ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.account_id, o.username, o.email, o.name, o.role, o.is_active, o.team_id, o.artist_id, o.first_name, o.last_name, o.birthdate,
                o.phone, o.instagram, o.bio, o.search_visibility, o.email_privacy, o.public_profile)
               IS DISTINCT FROM
               (n.account_id, n.username, n.email, n.name, n.role, n.is_active, n.team_id, n.artist_id, n.first_name, n.last_name, n.birthdate,
                n.phone, n.instagram, n.bio, n.search_visibility, n.email_privacy, n.public_profile)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'users.delete'), 'user', n.id, n.version + 1,
               jsonb_build_object('account_id', n.account_id, 'username', n.username, 'email', n.email, 'name', n.name, 'role', n.role,
                                  'is_active', n.is_active, 'team_id', n.team_id, 'artist_id', n.artist_id, 'first_name', n.first_name,
                                  'last_name', n.last_name, 'birthdate', n.birthdate, 'phone', n.phone, 'instagram', n.instagram, 'bio', n.bio,
                                  'search_visibility', n.search_visibility, 'email_privacy', n.email_privacy,
                                  'public_profile', n.public_profile)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'users.' || lower(TG_OP COLLATE "C")), 'user', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION users_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON users REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION users_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON users REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION users_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON users REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION users_audit();

-- +goose StatementBegin
CREATE FUNCTION keep_an_admin() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- The last active admin of a tenant stays. Locking the tenant first makes the look that follows see what a rival has
-- committed; no single statement can do this, its snapshot being older than its lock. NO KEY: inserts elsewhere that
-- refer to the tenant do not wait. A tenant that was given up keeps nobody.
DECLARE
    state text;
BEGIN
    SELECT status INTO state FROM tenants WHERE id = OLD.tenant_id FOR NO KEY UPDATE;
    IF state = 'deleting' THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    PERFORM 1 FROM users
      WHERE tenant_id = OLD.tenant_id
        AND id <> OLD.id
        AND role = 'admin'
        AND is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the last admin of a tenant stays' USING ERRCODE = 'RHADM';
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION refuse_closed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- A user whose account was closed is nobody: let in it could be the last admin of a tenant that nobody can then enter. Whoever closes the
-- account at the same time is waited for, or waits.
DECLARE
    active boolean;
BEGIN
    SELECT is_active INTO active FROM accounts WHERE id = NEW.account_id FOR SHARE;
    IF NOT active THEN
        RAISE EXCEPTION 'the account was closed' USING ERRCODE = 'RHCLO';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION refuse_closed() IS 'Keeps the users of closed accounts inactive.';

-- +goose StatementBegin
CREATE FUNCTION own_fields(row_id uuid, fields text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF cardinality(fields) > 0 AND row_id = me() THEN
        IF 'role' = ANY (fields)
           AND EXISTS     (SELECT 1 FROM users WHERE tenant_id = current_tenant() AND id  = row_id AND role = 'admin')
           AND NOT EXISTS (SELECT 1 FROM users WHERE tenant_id = current_tenant() AND id <> row_id AND role = 'admin' AND is_active) THEN
            RAISE EXCEPTION 'the last admin of a tenant stays' USING ERRCODE = 'RHADM'; -- what would be refused in any case
        END IF;
        RAISE EXCEPTION 'not one''s own to change' USING ERRCODE = 'RHOWN', DETAIL = array_to_string(fields, ', ');
    END IF;
    RETURN true;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION own_fields(uuid, text[]) IS 'True, of a row and those of the given fields that nobody changes of himself. RHOWN: the row is the caller; the fields are in DETAIL.';

REVOKE EXECUTE ON FUNCTION keep_an_admin(), refuse_closed(), own_fields(uuid, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION own_fields(uuid, text[]) TO rowhouse_app;

CREATE TRIGGER keep_an_admin_update BEFORE UPDATE ON users FOR EACH ROW
    WHEN (OLD.role = 'admin' AND OLD.is_active AND NOT (NEW.role = 'admin' AND NEW.is_active))
    EXECUTE FUNCTION keep_an_admin();
CREATE TRIGGER keep_an_admin_delete BEFORE DELETE ON users FOR EACH ROW
    WHEN (OLD.role = 'admin' AND OLD.is_active)
    EXECUTE FUNCTION keep_an_admin();
CREATE TRIGGER refuse_closed_insert BEFORE INSERT ON users FOR EACH ROW
    WHEN (NEW.is_active)
    EXECUTE FUNCTION refuse_closed();
CREATE TRIGGER refuse_closed_update BEFORE UPDATE OF is_active ON users FOR EACH ROW
    WHEN (NEW.is_active AND NOT OLD.is_active)
    EXECUTE FUNCTION refuse_closed();

INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('users:read',  true, 'any', 'any', 'any', 'own', 'any'),
       ('users:write', true, 'any', 'own', 'own', 'own', NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('users:read', 'users:write');
DROP POLICY account_own ON tenants; -- it reads users
DROP TABLE users;
DROP FUNCTION users_audit();
DROP FUNCTION users_touch();
DROP FUNCTION own_fields(uuid, text[]);
DROP FUNCTION refuse_closed();
DROP FUNCTION keep_an_admin();
