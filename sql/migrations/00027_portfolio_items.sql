-- +goose Up
CREATE TABLE portfolio_items (
    tenant_id      uuid        NOT NULL,
    id             uuid        NOT NULL DEFAULT uuid_v7(),
    artist_id      uuid        NOT NULL,
    appointment_id uuid,
    title          text        NOT NULL,
    caption        text,
    image_url      text,
    style          text,
    body_area      text,
    color_mode     text        NOT NULL DEFAULT 'color',
    healed         boolean     NOT NULL DEFAULT false,
    is_public      boolean     NOT NULL DEFAULT false,
    is_cover       boolean     NOT NULL DEFAULT false,
    version        bigint      NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    title_key      text        NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(title)) STORED,
    CONSTRAINT portfolio_items_pkey                PRIMARY KEY (tenant_id, id),
    CONSTRAINT portfolio_items_tenant_id_fkey      FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT portfolio_items_artist_id_fkey      FOREIGN KEY (tenant_id, artist_id) REFERENCES artists (tenant_id, id),
    CONSTRAINT portfolio_items_appointment_id_fkey FOREIGN KEY (tenant_id, appointment_id) REFERENCES appointments (tenant_id, id),
    CONSTRAINT portfolio_items_is_cover_excl       EXCLUDE (tenant_id WITH =, artist_id WITH =) WHERE (is_cover),
    CONSTRAINT portfolio_items_title_check         CHECK (length(title) BETWEEN 1 AND 120),
    CONSTRAINT portfolio_items_caption_check       CHECK (length(caption) <= 500),
    CONSTRAINT portfolio_items_image_url_check     CHECK (image_url ~ '^https://[^[:space:]]+$' AND length(image_url) <= 500),
    CONSTRAINT portfolio_items_style_check         CHECK (length(style) <= 60),
    CONSTRAINT portfolio_items_body_area_check     CHECK (length(body_area) <= 60),
    CONSTRAINT portfolio_items_color_mode_check    CHECK (color_mode IN ('color', 'bw'))
);
COMMENT ON TABLE portfolio_items IS 'Finished work that artists show.';
COMMENT ON COLUMN portfolio_items.artist_id      IS 'Whose work it is.';
COMMENT ON COLUMN portfolio_items.appointment_id IS 'Where it was done, if that is known.';
COMMENT ON COLUMN portfolio_items.title          IS 'Example: Fern on a forearm';
COMMENT ON COLUMN portfolio_items.caption        IS 'What stands under the picture. Example: Two sessions, four hours.';
COMMENT ON COLUMN portfolio_items.image_url      IS 'The address of the picture. Example: https://images.example.com/fern.jpg';
COMMENT ON COLUMN portfolio_items.style          IS 'Example: botanical';
COMMENT ON COLUMN portfolio_items.body_area      IS 'Example: forearm';
COMMENT ON COLUMN portfolio_items.color_mode     IS 'In colour, or in black and white (bw).';
COMMENT ON COLUMN portfolio_items.healed         IS 'Whether the picture shows it healed.';
COMMENT ON COLUMN portfolio_items.is_public      IS 'Whether everybody may see it, or only who works in the studio.';
COMMENT ON COLUMN portfolio_items.is_cover       IS 'Whether it stands for all the artist''s work; one does at most.';
COMMENT ON COLUMN portfolio_items.title_key      IS 'The title as it is sorted and searched by.';
COMMENT ON CONSTRAINT portfolio_items_artist_id_fkey      ON portfolio_items IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT portfolio_items_appointment_id_fkey ON portfolio_items IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT portfolio_items_is_cover_excl       ON portfolio_items IS 'conflict: Another item is the cover of this artist; take it from that one first.';
COMMENT ON CONSTRAINT portfolio_items_title_check         ON portfolio_items IS '1 to 120 characters.';
COMMENT ON CONSTRAINT portfolio_items_caption_check       ON portfolio_items IS 'At most 500 characters.';
COMMENT ON CONSTRAINT portfolio_items_image_url_check     ON portfolio_items IS 'image_url format: An address that begins with https://, of up to 500 characters.';
COMMENT ON CONSTRAINT portfolio_items_style_check         ON portfolio_items IS 'At most 60 characters.';
COMMENT ON CONSTRAINT portfolio_items_body_area_check     ON portfolio_items IS 'At most 60 characters.';
COMMENT ON CONSTRAINT portfolio_items_color_mode_check    ON portfolio_items IS 'One of color, bw.';

CREATE INDEX portfolio_items_created_at_idx     ON portfolio_items (tenant_id, created_at, id);
CREATE INDEX portfolio_items_title_key_idx      ON portfolio_items (tenant_id, title_key, id);
CREATE INDEX portfolio_items_artist_id_idx      ON portfolio_items (tenant_id, artist_id, created_at, id);
CREATE INDEX portfolio_items_appointment_id_idx ON portfolio_items (tenant_id, appointment_id, created_at, id);
CREATE INDEX portfolio_items_is_public_idx      ON portfolio_items (tenant_id, is_public, created_at, id);

ALTER TABLE portfolio_items ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE portfolio_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE portfolio_items FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON portfolio_items
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
-- Everybody sees what is public; one's own is what one may change.
CREATE POLICY own_select ON portfolio_items AS RESTRICTIVE FOR SELECT
    USING      ((SELECT reaches_all()) OR is_public OR artist_id = (SELECT my_artist()));
CREATE POLICY own_insert ON portfolio_items AS RESTRICTIVE FOR INSERT
    WITH CHECK ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()));
CREATE POLICY own_update ON portfolio_items AS RESTRICTIVE FOR UPDATE
    USING      ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
    WITH CHECK ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()));
CREATE POLICY own_delete ON portfolio_items AS RESTRICTIVE FOR DELETE
    USING      ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()));
GRANT SELECT, INSERT, UPDATE, DELETE ON portfolio_items TO rowhouse_app;

CREATE TRIGGER own_row BEFORE INSERT OR UPDATE OF artist_id ON portfolio_items FOR EACH ROW
    WHEN (me() IS NOT NULL AND NOT reaches_all() AND NEW.artist_id IS DISTINCT FROM my_artist())
    EXECUTE FUNCTION own_alone();

-- +goose StatementBegin
CREATE FUNCTION portfolio_items_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.artist_id, OLD.appointment_id, OLD.title, OLD.caption, OLD.image_url, OLD.style, OLD.body_area, OLD.color_mode, OLD.healed,
        OLD.is_public, OLD.is_cover)
       IS DISTINCT FROM
       (NEW.artist_id, NEW.appointment_id, NEW.title, NEW.caption, NEW.image_url, NEW.style, NEW.body_area, NEW.color_mode, NEW.healed,
        NEW.is_public, NEW.is_cover) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION portfolio_items_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON portfolio_items FOR EACH ROW EXECUTE FUNCTION portfolio_items_touch();

-- +goose StatementBegin
CREATE FUNCTION portfolio_items_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'portfolio_items.insert'), 'portfolioitem', n.id, n.version,
               jsonb_build_object('artist_id', n.artist_id, 'appointment_id', n.appointment_id, 'title', n.title, 'caption', n.caption,
                                  'image_url', n.image_url, 'style', n.style, 'body_area', n.body_area, 'color_mode', n.color_mode,
                                  'healed', n.healed, 'is_public', n.is_public, 'is_cover', n.is_cover)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'portfolio_items.update'), 'portfolioitem', n.id, n.version,
               CASE WHEN o.artist_id      IS DISTINCT FROM n.artist_id      THEN jsonb_build_object('artist_id',      o.artist_id)      ELSE '{}' END
            || CASE WHEN o.appointment_id IS DISTINCT FROM n.appointment_id THEN jsonb_build_object('appointment_id', o.appointment_id) ELSE '{}' END
            || CASE WHEN o.title          IS DISTINCT FROM n.title          THEN jsonb_build_object('title',          o.title)          ELSE '{}' END
            || CASE WHEN o.caption        IS DISTINCT FROM n.caption        THEN jsonb_build_object('caption',        o.caption)        ELSE '{}' END
            || CASE WHEN o.image_url      IS DISTINCT FROM n.image_url      THEN jsonb_build_object('image_url',      o.image_url)      ELSE '{}' END
            || CASE WHEN o.style          IS DISTINCT FROM n.style          THEN jsonb_build_object('style',          o.style)          ELSE '{}' END
            || CASE WHEN o.body_area      IS DISTINCT FROM n.body_area      THEN jsonb_build_object('body_area',      o.body_area)      ELSE '{}' END
            || CASE WHEN o.color_mode     IS DISTINCT FROM n.color_mode     THEN jsonb_build_object('color_mode',     o.color_mode)     ELSE '{}' END
            || CASE WHEN o.healed         IS DISTINCT FROM n.healed         THEN jsonb_build_object('healed',         o.healed)         ELSE '{}' END
            || CASE WHEN o.is_public      IS DISTINCT FROM n.is_public      THEN jsonb_build_object('is_public',      o.is_public)      ELSE '{}' END
            || CASE WHEN o.is_cover       IS DISTINCT FROM n.is_cover       THEN jsonb_build_object('is_cover',       o.is_cover)       ELSE '{}' END,
               CASE WHEN o.artist_id      IS DISTINCT FROM n.artist_id      THEN jsonb_build_object('artist_id',      n.artist_id)      ELSE '{}' END
            || CASE WHEN o.appointment_id IS DISTINCT FROM n.appointment_id THEN jsonb_build_object('appointment_id', n.appointment_id) ELSE '{}' END
            || CASE WHEN o.title          IS DISTINCT FROM n.title          THEN jsonb_build_object('title',          n.title)          ELSE '{}' END
            || CASE WHEN o.caption        IS DISTINCT FROM n.caption        THEN jsonb_build_object('caption',        n.caption)        ELSE '{}' END
            || CASE WHEN o.image_url      IS DISTINCT FROM n.image_url      THEN jsonb_build_object('image_url',      n.image_url)      ELSE '{}' END
            || CASE WHEN o.style          IS DISTINCT FROM n.style          THEN jsonb_build_object('style',          n.style)          ELSE '{}' END
            || CASE WHEN o.body_area      IS DISTINCT FROM n.body_area      THEN jsonb_build_object('body_area',      n.body_area)      ELSE '{}' END
            || CASE WHEN o.color_mode     IS DISTINCT FROM n.color_mode     THEN jsonb_build_object('color_mode',     n.color_mode)     ELSE '{}' END
            || CASE WHEN o.healed         IS DISTINCT FROM n.healed         THEN jsonb_build_object('healed',         n.healed)         ELSE '{}' END
            || CASE WHEN o.is_public      IS DISTINCT FROM n.is_public      THEN jsonb_build_object('is_public',      n.is_public)      ELSE '{}' END
            || CASE WHEN o.is_cover       IS DISTINCT FROM n.is_cover       THEN jsonb_build_object('is_cover',       n.is_cover)       ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.artist_id, o.appointment_id, o.title, o.caption, o.image_url, o.style, o.body_area, o.color_mode, o.healed, o.is_public,
                o.is_cover)
               IS DISTINCT FROM
               (n.artist_id, n.appointment_id, n.title, n.caption, n.image_url, n.style, n.body_area, n.color_mode, n.healed, n.is_public,
                n.is_cover)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'portfolio_items.delete'), 'portfolioitem', n.id, n.version + 1,
               jsonb_build_object('artist_id', n.artist_id, 'appointment_id', n.appointment_id, 'title', n.title, 'caption', n.caption,
                                  'image_url', n.image_url, 'style', n.style, 'body_area', n.body_area, 'color_mode', n.color_mode,
                                  'healed', n.healed, 'is_public', n.is_public, 'is_cover', n.is_cover)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'portfolio_items.' || lower(TG_OP COLLATE "C")), 'portfolioitem', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION portfolio_items_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON portfolio_items REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION portfolio_items_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON portfolio_items REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION portfolio_items_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON portfolio_items REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION portfolio_items_audit();

-- A member's own are those that are public.
INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('portfolio:read',  true, 'any', 'any', 'any', 'own', 'any'),
       ('portfolio:write', true, 'any', NULL,  'own', NULL,  NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('portfolio:read', 'portfolio:write');
DROP TABLE portfolio_items;
DROP FUNCTION portfolio_items_audit();
DROP FUNCTION portfolio_items_touch();
