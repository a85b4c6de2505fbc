-- +goose Up
CREATE TABLE memberships (
    tenant_id             uuid        NOT NULL,
    id                    uuid        NOT NULL DEFAULT uuid_v7(),
    user_id               uuid        NOT NULL,
    membership_type       text        NOT NULL DEFAULT 'basic',
    legal_name            text        NOT NULL,
    preferred_name        text,
    email_address         text        NOT NULL,
    city                  text,
    region                text,
    country               text,
    postal_code           text,
    code_of_conduct       boolean     NOT NULL,
    announcements         boolean     NOT NULL DEFAULT false,
    votes                 boolean     NOT NULL DEFAULT false,
    last_vote_affirmation timestamptz,
    version               bigint      NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    legal_name_key        text        NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(legal_name)) STORED,
    higher_level          boolean     NOT NULL GENERATED ALWAYS AS (membership_type <> 'basic') STORED,
    CONSTRAINT memberships_pkey                  PRIMARY KEY (tenant_id, id),
    CONSTRAINT memberships_tenant_id_fkey        FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT memberships_user_id_fkey          FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT memberships_user_id_key           UNIQUE (tenant_id, user_id),
    CONSTRAINT memberships_membership_type_check CHECK (membership_type IN ('basic', 'supporting', 'sponsor', 'managing', 'contributing', 'fellow')),
    CONSTRAINT memberships_legal_name_check      CHECK (length(legal_name) BETWEEN 1 AND 100),
    CONSTRAINT memberships_preferred_name_check  CHECK (length(preferred_name) <= 100),
    CONSTRAINT memberships_email_address_check   CHECK (length(email_address) <= 254),
    CONSTRAINT memberships_city_check            CHECK (length(city) <= 100),
    CONSTRAINT memberships_region_check          CHECK (length(region) <= 100),
    CONSTRAINT memberships_country_check         CHECK (length(country) <= 100),
    CONSTRAINT memberships_postal_code_check     CHECK (length(postal_code) <= 20),
    CONSTRAINT memberships_code_of_conduct_check CHECK (code_of_conduct),
    CONSTRAINT memberships_affirmation_check     CHECK (votes OR last_vote_affirmation IS NULL)
);
COMMENT ON TABLE memberships IS 'Who is a member of an association, as what; it grants no access.';
COMMENT ON COLUMN memberships.user_id               IS 'Whose it is; a user has one.';
COMMENT ON COLUMN memberships.membership_type       IS 'One''s own begins as basic, and only who reaches any changes it.';
COMMENT ON COLUMN memberships.legal_name            IS 'Example: Ada Maria Byron';
COMMENT ON COLUMN memberships.preferred_name        IS 'Example: Ada';
COMMENT ON COLUMN memberships.email_address         IS 'Where the association writes to. Example: ada.byron@example.com';
COMMENT ON COLUMN memberships.city                  IS 'Example: Madrid';
COMMENT ON COLUMN memberships.region                IS 'Example: Comunidad de Madrid';
COMMENT ON COLUMN memberships.country               IS 'Example: Spain';
COMMENT ON COLUMN memberships.postal_code           IS 'Example: 28013';
COMMENT ON COLUMN memberships.code_of_conduct       IS 'Whether it is accepted, without which there is no membership.';
COMMENT ON COLUMN memberships.announcements         IS 'Whether to be told of news.';
COMMENT ON COLUMN memberships.votes                 IS 'Whether to be asked to vote.';
COMMENT ON COLUMN memberships.last_vote_affirmation IS 'When it was last said that the member still votes; null once it does not.';
COMMENT ON COLUMN memberships.legal_name_key        IS 'The legal name as it is sorted and searched by.';
COMMENT ON COLUMN memberships.higher_level          IS 'Whether the type is another than basic.';
COMMENT ON CONSTRAINT memberships_user_id_fkey          ON memberships IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT memberships_user_id_key           ON memberships IS 'This user has a membership already.';
COMMENT ON CONSTRAINT memberships_membership_type_check ON memberships IS 'One of basic, supporting, sponsor, managing, contributing, fellow.';
COMMENT ON CONSTRAINT memberships_legal_name_check      ON memberships IS '1 to 100 characters.';
COMMENT ON CONSTRAINT memberships_preferred_name_check  ON memberships IS 'At most 100 characters.';
COMMENT ON CONSTRAINT memberships_email_address_check   ON memberships IS 'At most 254 characters.';
COMMENT ON CONSTRAINT memberships_city_check            ON memberships IS 'At most 100 characters.';
COMMENT ON CONSTRAINT memberships_region_check          ON memberships IS 'At most 100 characters.';
COMMENT ON CONSTRAINT memberships_country_check         ON memberships IS 'At most 100 characters.';
COMMENT ON CONSTRAINT memberships_postal_code_check     ON memberships IS 'At most 20 characters.';
COMMENT ON CONSTRAINT memberships_code_of_conduct_check ON memberships IS 'code_of_conduct required: The code of conduct must be accepted, and stays so.';
COMMENT ON CONSTRAINT memberships_affirmation_check     ON memberships IS 'not_voting: This membership does not vote, so there is nothing to affirm; set votes first.';

CREATE INDEX memberships_created_at_idx      ON memberships (tenant_id, created_at, id);
CREATE INDEX memberships_legal_name_key_idx  ON memberships (tenant_id, legal_name_key, id);
CREATE INDEX memberships_membership_type_idx ON memberships (tenant_id, membership_type, created_at, id);
CREATE INDEX memberships_votes_idx           ON memberships (tenant_id, votes, created_at, id);

ALTER TABLE memberships ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE memberships FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON memberships
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
CREATE POLICY own_only ON memberships AS RESTRICTIVE
    USING      ((SELECT reaches_all()) OR user_id = (SELECT me()))
    WITH CHECK ((SELECT reaches_all()) OR user_id = (SELECT me()));
GRANT SELECT, INSERT, UPDATE, DELETE ON memberships TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION membership_type_set() RETURNS trigger
LANGUAGE plpgsql AS $$
-- Before a type of membership that one gives oneself. RHOWN: refused, as any field that others set.
BEGIN
    RAISE EXCEPTION 'not one''s own to set' USING ERRCODE = 'RHOWN', DETAIL = 'membership_type';
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION membership_type_set() FROM PUBLIC;

CREATE TRIGGER membership_type_insert BEFORE INSERT ON memberships FOR EACH ROW
    WHEN (me() IS NOT NULL AND NOT reaches_all() AND NEW.membership_type <> 'basic')
    EXECUTE FUNCTION membership_type_set();
CREATE TRIGGER membership_type_update BEFORE UPDATE OF membership_type ON memberships FOR EACH ROW
    WHEN (me() IS NOT NULL AND NOT reaches_all() AND NEW.membership_type <> OLD.membership_type)
    EXECUTE FUNCTION membership_type_set();
CREATE TRIGGER own_row BEFORE INSERT OR UPDATE OF user_id ON memberships FOR EACH ROW
    WHEN (me() IS NOT NULL AND NOT reaches_all() AND NEW.user_id IS DISTINCT FROM me())
    EXECUTE FUNCTION own_alone();

-- +goose StatementBegin
CREATE FUNCTION memberships_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.user_id, OLD.membership_type, OLD.legal_name, OLD.preferred_name, OLD.email_address, OLD.city, OLD.region, OLD.country,
        OLD.postal_code, OLD.code_of_conduct, OLD.announcements, OLD.votes, OLD.last_vote_affirmation)
       IS DISTINCT FROM
       (NEW.user_id, NEW.membership_type, NEW.legal_name, NEW.preferred_name, NEW.email_address, NEW.city, NEW.region, NEW.country,
        NEW.postal_code, NEW.code_of_conduct, NEW.announcements, NEW.votes, NEW.last_vote_affirmation) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION memberships_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON memberships FOR EACH ROW EXECUTE FUNCTION memberships_touch();

-- +goose StatementBegin
CREATE FUNCTION memberships_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'memberships.insert'), 'membership', n.id, n.version,
               jsonb_build_object('user_id', n.user_id, 'membership_type', n.membership_type, 'legal_name', n.legal_name,
                                  'preferred_name', n.preferred_name, 'email_address', n.email_address, 'city', n.city, 'region', n.region,
                                  'country', n.country, 'postal_code', n.postal_code, 'code_of_conduct', n.code_of_conduct,
                                  'announcements', n.announcements, 'votes', n.votes, 'last_vote_affirmation', n.last_vote_affirmation)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'memberships.update'), 'membership', n.id, n.version,
               CASE WHEN o.user_id               IS DISTINCT FROM n.user_id               THEN jsonb_build_object('user_id',               o.user_id)               ELSE '{}' END
            || CASE WHEN o.membership_type       IS DISTINCT FROM n.membership_type       THEN jsonb_build_object('membership_type',       o.membership_type)       ELSE '{}' END
            || CASE WHEN o.legal_name            IS DISTINCT FROM n.legal_name            THEN jsonb_build_object('legal_name',            o.legal_name)            ELSE '{}' END
            || CASE WHEN o.preferred_name        IS DISTINCT FROM n.preferred_name        THEN jsonb_build_object('preferred_name',        o.preferred_name)        ELSE '{}' END
            || CASE WHEN o.email_address         IS DISTINCT FROM n.email_address         THEN jsonb_build_object('email_address',         o.email_address)         ELSE '{}' END
            || CASE WHEN o.city                  IS DISTINCT FROM n.city                  THEN jsonb_build_object('city',                  o.city)                  ELSE '{}' END
            || CASE WHEN o.region                IS DISTINCT FROM n.region                THEN jsonb_build_object('region',                o.region)                ELSE '{}' END
            || CASE WHEN o.country               IS DISTINCT FROM n.country               THEN jsonb_build_object('country',               o.country)               ELSE '{}' END
            || CASE WHEN o.postal_code           IS DISTINCT FROM n.postal_code           THEN jsonb_build_object('postal_code',           o.postal_code)           ELSE '{}' END
            || CASE WHEN o.code_of_conduct       IS DISTINCT FROM n.code_of_conduct       THEN jsonb_build_object('code_of_conduct',       o.code_of_conduct)       ELSE '{}' END
            || CASE WHEN o.announcements         IS DISTINCT FROM n.announcements         THEN jsonb_build_object('announcements',         o.announcements)         ELSE '{}' END
            || CASE WHEN o.votes                 IS DISTINCT FROM n.votes                 THEN jsonb_build_object('votes',                 o.votes)                 ELSE '{}' END
            || CASE WHEN o.last_vote_affirmation IS DISTINCT FROM n.last_vote_affirmation THEN jsonb_build_object('last_vote_affirmation', o.last_vote_affirmation) ELSE '{}' END,
               CASE WHEN o.user_id               IS DISTINCT FROM n.user_id               THEN jsonb_build_object('user_id',               n.user_id)               ELSE '{}' END
            || CASE WHEN o.membership_type       IS DISTINCT FROM n.membership_type       THEN jsonb_build_object('membership_type',       n.membership_type)       ELSE '{}' END
            || CASE WHEN o.legal_name            IS DISTINCT FROM n.legal_name            THEN jsonb_build_object('legal_name',            n.legal_name)            ELSE '{}' END
            || CASE WHEN o.preferred_name        IS DISTINCT FROM n.preferred_name        THEN jsonb_build_object('preferred_name',        n.preferred_name)        ELSE '{}' END
            || CASE WHEN o.email_address         IS DISTINCT FROM n.email_address         THEN jsonb_build_object('email_address',         n.email_address)         ELSE '{}' END
            || CASE WHEN o.city                  IS DISTINCT FROM n.city                  THEN jsonb_build_object('city',                  n.city)                  ELSE '{}' END
            || CASE WHEN o.region                IS DISTINCT FROM n.region                THEN jsonb_build_object('region',                n.region)                ELSE '{}' END
            || CASE WHEN o.country               IS DISTINCT FROM n.country               THEN jsonb_build_object('country',               n.country)               ELSE '{}' END
            || CASE WHEN o.postal_code           IS DISTINCT FROM n.postal_code           THEN jsonb_build_object('postal_code',           n.postal_code)           ELSE '{}' END
            || CASE WHEN o.code_of_conduct       IS DISTINCT FROM n.code_of_conduct       THEN jsonb_build_object('code_of_conduct',       n.code_of_conduct)       ELSE '{}' END
            || CASE WHEN o.announcements         IS DISTINCT FROM n.announcements         THEN jsonb_build_object('announcements',         n.announcements)         ELSE '{}' END
            || CASE WHEN o.votes                 IS DISTINCT FROM n.votes                 THEN jsonb_build_object('votes',                 n.votes)                 ELSE '{}' END
            || CASE WHEN o.last_vote_affirmation IS DISTINCT FROM n.last_vote_affirmation THEN jsonb_build_object('last_vote_affirmation', n.last_vote_affirmation) ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.user_id, o.membership_type, o.legal_name, o.preferred_name, o.email_address, o.city, o.region, o.country, o.postal_code,
                o.code_of_conduct, o.announcements, o.votes, o.last_vote_affirmation)
               IS DISTINCT FROM
               (n.user_id, n.membership_type, n.legal_name, n.preferred_name, n.email_address, n.city, n.region, n.country, n.postal_code,
                n.code_of_conduct, n.announcements, n.votes, n.last_vote_affirmation)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'memberships.delete'), 'membership', n.id, n.version + 1,
               jsonb_build_object('user_id', n.user_id, 'membership_type', n.membership_type, 'legal_name', n.legal_name,
                                  'preferred_name', n.preferred_name, 'email_address', n.email_address, 'city', n.city, 'region', n.region,
                                  'country', n.country, 'postal_code', n.postal_code, 'code_of_conduct', n.code_of_conduct,
                                  'announcements', n.announcements, 'votes', n.votes, 'last_vote_affirmation', n.last_vote_affirmation)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'memberships.' || lower(TG_OP COLLATE "C")), 'membership', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION memberships_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON memberships REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION memberships_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON memberships REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION memberships_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON memberships REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION memberships_audit();

INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('memberships:read',  true, 'any', 'any', 'own', 'own', 'any'),
       ('memberships:write', true, 'any', NULL,  'own', 'own', NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('memberships:read', 'memberships:write');
DROP TABLE memberships;
DROP FUNCTION memberships_audit();
DROP FUNCTION memberships_touch();
DROP FUNCTION membership_type_set();
