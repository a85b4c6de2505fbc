-- +goose Up
-- Invitations that nobody has accepted yet: acceptance takes the row away.
CREATE TABLE invitations (
    tenant_id  uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT uuid_v7(),
    email      text        NOT NULL,
    role       text        NOT NULL,
    team_id    uuid,
    artist_id  uuid,
    invited_by uuid        NOT NULL,
    token_hash bytea,
    expires_at timestamptz NOT NULL,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT invitations_pkey            PRIMARY KEY (tenant_id, id),
    CONSTRAINT invitations_tenant_id_fkey  FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT invitations_team_id_fkey    FOREIGN KEY (tenant_id, team_id) REFERENCES teams (tenant_id, id),
    CONSTRAINT invitations_artist_id_fkey  FOREIGN KEY (tenant_id, artist_id) REFERENCES artists (tenant_id, id),
    CONSTRAINT invitations_invited_by_fkey FOREIGN KEY (tenant_id, invited_by) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT invitations_token_hash_key  UNIQUE (tenant_id, token_hash),
    CONSTRAINT invitations_email_check     CHECK (email = lower(email COLLATE "C") AND length(email) <= 254),
    CONSTRAINT invitations_role_check      CHECK (role IN ('admin', 'assistant', 'artist', 'member')),
    CONSTRAINT invitations_artist_check    CHECK ((role = 'artist') = (artist_id IS NOT NULL))
);
COMMENT ON TABLE invitations IS 'Letters that make whoever accepts one a user of the tenant.';
COMMENT ON COLUMN invitations.email      IS 'Whom it was sent to, in canonical form: only an account with this login e-mail can accept it.';
COMMENT ON COLUMN invitations.invited_by IS 'The user who gives the role, and must still be able to when it is accepted.';
COMMENT ON COLUMN invitations.token_hash IS 'SHA-256 of the token that was mailed; NULL: it will be.';
COMMENT ON CONSTRAINT invitations_team_id_fkey    ON invitations IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT invitations_artist_id_fkey  ON invitations IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT invitations_invited_by_fkey ON invitations IS 'reference_not_found: A row that this one refers to does not exist.';
COMMENT ON CONSTRAINT invitations_token_hash_key  ON invitations IS 'internal: A token is one invitation''s.';
COMMENT ON CONSTRAINT invitations_email_check     ON invitations IS 'email format: An e-mail address of up to 254 characters.';
COMMENT ON CONSTRAINT invitations_role_check      ON invitations IS 'One of admin, assistant, artist, member.';
COMMENT ON CONSTRAINT invitations_artist_check    ON invitations IS 'artist_id required_with_role: Given exactly when the role is artist.';

CREATE INDEX invitations_created_at_idx ON invitations (tenant_id, created_at, id);
CREATE INDEX invitations_email_idx      ON invitations (tenant_id, email);
CREATE INDEX invitations_team_id_idx    ON invitations (tenant_id, team_id);
CREATE INDEX invitations_artist_id_idx  ON invitations (tenant_id, artist_id);
CREATE INDEX invitations_invited_by_idx ON invitations (tenant_id, invited_by);

ALTER TABLE invitations ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON invitations
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE (token_hash), DELETE ON invitations TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION invitations_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.email, OLD.role, OLD.team_id, OLD.artist_id, OLD.invited_by, OLD.expires_at)
       IS DISTINCT FROM
       (NEW.email, NEW.role, NEW.team_id, NEW.artist_id, NEW.invited_by, NEW.expires_at) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION invitations_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON invitations FOR EACH ROW EXECUTE FUNCTION invitations_touch();

-- +goose StatementBegin
CREATE FUNCTION invitations_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'invitations.insert'), 'invite', n.id, n.version,
               jsonb_build_object('email', n.email, 'role', n.role, 'team_id', n.team_id, 'artist_id', n.artist_id, 'invited_by', n.invited_by,
                                  'expires_at', n.expires_at)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'invitations.update'), 'invite', n.id, n.version,
               CASE WHEN o.email      IS DISTINCT FROM n.email      THEN jsonb_build_object('email',      o.email)      ELSE '{}' END
            || CASE WHEN o.role       IS DISTINCT FROM n.role       THEN jsonb_build_object('role',       o.role)       ELSE '{}' END
            || CASE WHEN o.team_id    IS DISTINCT FROM n.team_id    THEN jsonb_build_object('team_id',    o.team_id)    ELSE '{}' END
            || CASE WHEN o.artist_id  IS DISTINCT FROM n.artist_id  THEN jsonb_build_object('artist_id',  o.artist_id)  ELSE '{}' END
            || CASE WHEN o.invited_by IS DISTINCT FROM n.invited_by THEN jsonb_build_object('invited_by', o.invited_by) ELSE '{}' END
            || CASE WHEN o.expires_at IS DISTINCT FROM n.expires_at THEN jsonb_build_object('expires_at', o.expires_at) ELSE '{}' END,
               CASE WHEN o.email      IS DISTINCT FROM n.email      THEN jsonb_build_object('email',      n.email)      ELSE '{}' END
            || CASE WHEN o.role       IS DISTINCT FROM n.role       THEN jsonb_build_object('role',       n.role)       ELSE '{}' END
            || CASE WHEN o.team_id    IS DISTINCT FROM n.team_id    THEN jsonb_build_object('team_id',    n.team_id)    ELSE '{}' END
            || CASE WHEN o.artist_id  IS DISTINCT FROM n.artist_id  THEN jsonb_build_object('artist_id',  n.artist_id)  ELSE '{}' END
            || CASE WHEN o.invited_by IS DISTINCT FROM n.invited_by THEN jsonb_build_object('invited_by', n.invited_by) ELSE '{}' END
            || CASE WHEN o.expires_at IS DISTINCT FROM n.expires_at THEN jsonb_build_object('expires_at', n.expires_at) ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.email, o.role, o.team_id, o.artist_id, o.invited_by, o.expires_at)
               IS DISTINCT FROM
               (n.email, n.role, n.team_id, n.artist_id, n.invited_by, n.expires_at)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'invitations.delete'), 'invite', n.id, n.version + 1,
               jsonb_build_object('email', n.email, 'role', n.role, 'team_id', n.team_id, 'artist_id', n.artist_id, 'invited_by', n.invited_by,
                                  'expires_at', n.expires_at)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'invitations.' || lower(TG_OP COLLATE "C")), 'invite', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION invitations_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON invitations REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION invitations_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON invitations REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION invitations_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON invitations REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION invitations_audit();

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('invitations:read',  'any', NULL, NULL, NULL, 'any'),
       ('invitations:write', 'any', NULL, NULL, NULL, NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('invitations:read', 'invitations:write');
DROP TABLE invitations;
DROP FUNCTION invitations_audit();
DROP FUNCTION invitations_touch();
