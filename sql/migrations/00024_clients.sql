-- +goose Up
CREATE TABLE clients (
    tenant_id           uuid        NOT NULL,
    id                  uuid        NOT NULL DEFAULT uuid_v7(),
    name                text        NOT NULL,
    phone               text,
    email               text,
    instagram           text,
    birthdate           date,
    notes               text,
    preferred_artist_id uuid,
    consented_at        timestamptz,
    guardian_name       text,
    is_active           boolean     NOT NULL DEFAULT true,
    version             bigint      NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    name_key            text        NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED,
    CONSTRAINT clients_pkey                     PRIMARY KEY (tenant_id, id),
    CONSTRAINT clients_tenant_id_fkey           FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT clients_preferred_artist_id_fkey FOREIGN KEY (tenant_id, preferred_artist_id) REFERENCES artists (tenant_id, id),
    CONSTRAINT clients_name_check               CHECK (length(name) BETWEEN 1 AND 120),
    CONSTRAINT clients_phone_check              CHECK (length(phone) <= 32),
    CONSTRAINT clients_email_check              CHECK (email = lower(email COLLATE "C") AND length(email) <= 254),
    CONSTRAINT clients_instagram_check          CHECK (length(instagram) <= 64 AND instagram NOT LIKE '@%'),
    CONSTRAINT clients_birthdate_check          CHECK (birthdate >= '1900-01-01'),
    CONSTRAINT clients_notes_check              CHECK (length(notes) <= 5000),
    CONSTRAINT clients_guardian_name_check      CHECK (length(guardian_name) BETWEEN 1 AND 120)
);
COMMENT ON TABLE clients IS 'Whom a studio works for.';
COMMENT ON COLUMN clients.name                IS 'Example: Noor Haddad';
COMMENT ON COLUMN clients.phone               IS 'Example: +34 600 000 001';
COMMENT ON COLUMN clients.email               IS 'In its canonical form. Example: noor@example.com';
COMMENT ON COLUMN clients.instagram           IS 'Without its @. Example: noor.draws';
COMMENT ON COLUMN clients.birthdate           IS 'Example: 1990-05-17';
COMMENT ON COLUMN clients.notes               IS 'What the studio should remember. Example: Allergic to latex.';
COMMENT ON COLUMN clients.preferred_artist_id IS 'The artist whom the client asks for.';
COMMENT ON COLUMN clients.consented_at        IS 'When the client, or the guardian of a minor, agreed to be treated. Example: 2026-05-17T10:00:00Z';
COMMENT ON COLUMN clients.guardian_name       IS 'Who answers for a client under 18 years, of whom a birthdate is known: it is then required. Example: Samir Haddad';
COMMENT ON COLUMN clients.is_active           IS 'false: archived, which is what becomes of a client who cannot be deleted.';
COMMENT ON COLUMN clients.name_key            IS 'The name as it is sorted and searched by.';
COMMENT ON CONSTRAINT clients_preferred_artist_id_fkey ON clients IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT clients_name_check               ON clients IS '1 to 120 characters.';
COMMENT ON CONSTRAINT clients_phone_check              ON clients IS 'At most 32 characters.';
COMMENT ON CONSTRAINT clients_email_check              ON clients IS 'email format: An e-mail address of up to 254 characters.';
COMMENT ON CONSTRAINT clients_instagram_check          ON clients IS 'instagram max_length: At most 64 characters, without the @.';
COMMENT ON CONSTRAINT clients_birthdate_check          ON clients IS 'birthdate min: From 1900-01-01.';
COMMENT ON CONSTRAINT clients_notes_check              ON clients IS 'At most 5000 characters.';
COMMENT ON CONSTRAINT clients_guardian_name_check      ON clients IS '1 to 120 characters.';

CREATE INDEX clients_created_at_idx          ON clients (tenant_id, created_at, id);
CREATE INDEX clients_name_key_idx            ON clients (tenant_id, name_key, id);
CREATE INDEX clients_preferred_artist_id_idx ON clients (tenant_id, preferred_artist_id, created_at, id);
CREATE INDEX clients_email_idx               ON clients (tenant_id, email, created_at, id);
CREATE INDEX clients_is_active_idx           ON clients (tenant_id, is_active, created_at, id);

ALTER TABLE clients ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE clients FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON clients
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON clients TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION clients_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.name, OLD.phone, OLD.email, OLD.instagram, OLD.birthdate, OLD.notes, OLD.preferred_artist_id, OLD.consented_at, OLD.guardian_name,
        OLD.is_active)
       IS DISTINCT FROM
       (NEW.name, NEW.phone, NEW.email, NEW.instagram, NEW.birthdate, NEW.notes, NEW.preferred_artist_id, NEW.consented_at, NEW.guardian_name,
        NEW.is_active) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION clients_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON clients FOR EACH ROW EXECUTE FUNCTION clients_touch();

-- +goose StatementBegin
CREATE FUNCTION clients_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'clients.insert'), 'client', n.id, n.version,
               jsonb_build_object('name', n.name, 'phone', n.phone, 'email', n.email, 'instagram', n.instagram, 'birthdate', n.birthdate,
                                  'notes', n.notes, 'preferred_artist_id', n.preferred_artist_id, 'consented_at', n.consented_at,
                                  'guardian_name', n.guardian_name, 'is_active', n.is_active)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'clients.update'), 'client', n.id, n.version,
               CASE WHEN o.name                IS DISTINCT FROM n.name                THEN jsonb_build_object('name',                o.name)                ELSE '{}' END
            || CASE WHEN o.phone               IS DISTINCT FROM n.phone               THEN jsonb_build_object('phone',               o.phone)               ELSE '{}' END
            || CASE WHEN o.email               IS DISTINCT FROM n.email               THEN jsonb_build_object('email',               o.email)               ELSE '{}' END
            || CASE WHEN o.instagram           IS DISTINCT FROM n.instagram           THEN jsonb_build_object('instagram',           o.instagram)           ELSE '{}' END
            || CASE WHEN o.birthdate           IS DISTINCT FROM n.birthdate           THEN jsonb_build_object('birthdate',           o.birthdate)           ELSE '{}' END
            || CASE WHEN o.notes               IS DISTINCT FROM n.notes               THEN jsonb_build_object('notes',               o.notes)               ELSE '{}' END
            || CASE WHEN o.preferred_artist_id IS DISTINCT FROM n.preferred_artist_id THEN jsonb_build_object('preferred_artist_id', o.preferred_artist_id) ELSE '{}' END
            || CASE WHEN o.consented_at        IS DISTINCT FROM n.consented_at        THEN jsonb_build_object('consented_at',        o.consented_at)        ELSE '{}' END
            || CASE WHEN o.guardian_name       IS DISTINCT FROM n.guardian_name       THEN jsonb_build_object('guardian_name',       o.guardian_name)       ELSE '{}' END
            || CASE WHEN o.is_active           IS DISTINCT FROM n.is_active           THEN jsonb_build_object('is_active',           o.is_active)           ELSE '{}' END,
               CASE WHEN o.name                IS DISTINCT FROM n.name                THEN jsonb_build_object('name',                n.name)                ELSE '{}' END
            || CASE WHEN o.phone               IS DISTINCT FROM n.phone               THEN jsonb_build_object('phone',               n.phone)               ELSE '{}' END
            || CASE WHEN o.email               IS DISTINCT FROM n.email               THEN jsonb_build_object('email',               n.email)               ELSE '{}' END
            || CASE WHEN o.instagram           IS DISTINCT FROM n.instagram           THEN jsonb_build_object('instagram',           n.instagram)           ELSE '{}' END
            || CASE WHEN o.birthdate           IS DISTINCT FROM n.birthdate           THEN jsonb_build_object('birthdate',           n.birthdate)           ELSE '{}' END
            || CASE WHEN o.notes               IS DISTINCT FROM n.notes               THEN jsonb_build_object('notes',               n.notes)               ELSE '{}' END
            || CASE WHEN o.preferred_artist_id IS DISTINCT FROM n.preferred_artist_id THEN jsonb_build_object('preferred_artist_id', n.preferred_artist_id) ELSE '{}' END
            || CASE WHEN o.consented_at        IS DISTINCT FROM n.consented_at        THEN jsonb_build_object('consented_at',        n.consented_at)        ELSE '{}' END
            || CASE WHEN o.guardian_name       IS DISTINCT FROM n.guardian_name       THEN jsonb_build_object('guardian_name',       n.guardian_name)       ELSE '{}' END
            || CASE WHEN o.is_active           IS DISTINCT FROM n.is_active           THEN jsonb_build_object('is_active',           n.is_active)           ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.name, o.phone, o.email, o.instagram, o.birthdate, o.notes, o.preferred_artist_id, o.consented_at, o.guardian_name,
                o.is_active)
               IS DISTINCT FROM
               (n.name, n.phone, n.email, n.instagram, n.birthdate, n.notes, n.preferred_artist_id, n.consented_at, n.guardian_name,
                n.is_active)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'clients.delete'), 'client', n.id, n.version + 1,
               jsonb_build_object('name', n.name, 'phone', n.phone, 'email', n.email, 'instagram', n.instagram, 'birthdate', n.birthdate,
                                  'notes', n.notes, 'preferred_artist_id', n.preferred_artist_id, 'consented_at', n.consented_at,
                                  'guardian_name', n.guardian_name, 'is_active', n.is_active)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'clients.' || lower(TG_OP COLLATE "C")), 'client', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION clients_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON clients REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION clients_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON clients REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION clients_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON clients REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION clients_audit();

-- +goose StatementBegin
CREATE FUNCTION guardian_needed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Before a client without a guardian: one who is under 18 years today, where the tenant is, has one. No CHECK can say so, which must hold
-- tomorrow as it does today. RHMIN: refused.
BEGIN
    IF NEW.birthdate > (now() AT TIME ZONE tenant_zone())::date - interval '18 years' THEN
        RAISE EXCEPTION 'a minor without a guardian' USING ERRCODE = 'RHMIN';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION guardian_needed() FROM PUBLIC;

CREATE TRIGGER guardian_needed BEFORE INSERT OR UPDATE OF birthdate, guardian_name ON clients FOR EACH ROW
    WHEN (NEW.birthdate IS NOT NULL AND NEW.guardian_name IS NULL)
    EXECUTE FUNCTION guardian_needed();

-- Whoever may write clients may make them; an artist makes them and changes none.
INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('clients:read',   'any', 'any', 'any', NULL, NULL),
       ('clients:create', 'any', 'any', 'any', NULL, NULL),
       ('clients:write',  'any', 'any', NULL,  NULL, NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('clients:read', 'clients:create', 'clients:write');
DROP TABLE clients;
DROP FUNCTION clients_audit();
DROP FUNCTION clients_touch();
DROP FUNCTION guardian_needed();
