-- +goose Up
ALTER TABLE users
  ADD COLUMN name_key          text    NOT NULL COLLATE "C" GENERATED ALWAYS AS (lower(coalesce(name, username))) STORED,
  ADD COLUMN team_id           uuid,
  ADD COLUMN artist_id         uuid,
  ADD COLUMN first_name        text,
  ADD COLUMN last_name         text,
  ADD COLUMN birthdate         date,
  ADD COLUMN phone             text,
  ADD COLUMN instagram         text,
  ADD COLUMN bio               text,
  ADD COLUMN search_visibility text    NOT NULL DEFAULT 'public',
  ADD COLUMN email_privacy     text    NOT NULL DEFAULT 'private',
  ADD COLUMN public_profile    boolean NOT NULL DEFAULT true,
  ADD COLUMN last_login        timestamptz;
COMMENT ON COLUMN users.name_key          IS 'The name, or without one the username, as it is sorted and searched by.';
COMMENT ON COLUMN users.artist_id         IS 'Which artist the user is: set exactly when the role is artist.';
COMMENT ON COLUMN users.instagram         IS 'Without its @.';
COMMENT ON COLUMN users.bio               IS 'HTML, sanitised when it was written.';
COMMENT ON COLUMN users.search_visibility IS 'private: found by nobody in the directory.';
COMMENT ON COLUMN users.email_privacy     IS 'Who sees the contact e-mail: everybody, users of the tenant (private), or the user and admins alone (never).';
COMMENT ON COLUMN users.last_login        IS 'When the newest login began with which the user entered this tenant.';

-- Users whose role is artist become artists, under the same id. Row-level security, forced, would hide every row from their
-- owner, and no event could be written while no tenant is bound: both rest while this transaction has the tables for itself.
ALTER TABLE users   NO FORCE ROW LEVEL SECURITY;
ALTER TABLE artists NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users   DISABLE TRIGGER USER;
ALTER TABLE artists DISABLE TRIGGER USER;
INSERT INTO artists (tenant_id, id, name)
SELECT tenant_id, id, coalesce(name, username)
  FROM users
 WHERE role = 'artist';
UPDATE users
   SET artist_id = id
 WHERE role = 'artist';
ALTER TABLE users   ENABLE TRIGGER USER;
ALTER TABLE artists ENABLE TRIGGER USER;
ALTER TABLE users   FORCE ROW LEVEL SECURITY;
ALTER TABLE artists FORCE ROW LEVEL SECURITY;

ALTER TABLE users
  DROP CONSTRAINT users_email_check,
  ADD CONSTRAINT users_email_check             CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
  ADD CONSTRAINT users_email_key               UNIQUE (tenant_id, email),
  ADD CONSTRAINT users_team_id_fkey            FOREIGN KEY (tenant_id, team_id) REFERENCES teams (tenant_id, id),
  ADD CONSTRAINT users_artist_id_fkey          FOREIGN KEY (tenant_id, artist_id) REFERENCES artists (tenant_id, id),
  ADD CONSTRAINT users_artist_id_key           UNIQUE (tenant_id, artist_id),
  ADD CONSTRAINT users_artist_check            CHECK ((role = 'artist') = (artist_id IS NOT NULL)),
  ADD CONSTRAINT users_first_name_check        CHECK (length(first_name) <= 150),
  ADD CONSTRAINT users_last_name_check         CHECK (length(last_name) <= 150),
  ADD CONSTRAINT users_phone_check             CHECK (length(phone) <= 32),
  ADD CONSTRAINT users_instagram_check         CHECK (length(instagram) <= 64 AND instagram NOT LIKE '@%'),
  ADD CONSTRAINT users_bio_check               CHECK (length(bio) <= 10000),
  ADD CONSTRAINT users_search_visibility_check CHECK (search_visibility IN ('public', 'private')),
  ADD CONSTRAINT users_email_privacy_check     CHECK (email_privacy IN ('public', 'private', 'never'));
COMMENT ON COLUMN users.email IS 'The contact e-mail in this tenant, in its canonical form; it logs nobody in.';

CREATE INDEX users_created_at_idx ON users (tenant_id, created_at, id);
CREATE INDEX users_name_key_idx   ON users (tenant_id, name_key, id);
CREATE INDEX users_username_idx   ON users (tenant_id, username, id);
CREATE INDEX users_team_id_idx    ON users (tenant_id, team_id);

DROP TRIGGER touch ON users;
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch('name_key', 'last_login');

DROP TRIGGER audit_insert ON users;
DROP TRIGGER audit_update ON users;
DROP TRIGGER audit_delete ON users;
CREATE TRIGGER audit_insert AFTER INSERT ON users REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('user', 'name_key', 'last_login');
CREATE TRIGGER audit_update AFTER UPDATE ON users REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('user', 'name_key', 'last_login');
CREATE TRIGGER audit_delete AFTER DELETE ON users REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('user', 'name_key', 'last_login');

INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('users:read',  true, 'any', 'any', 'any', 'own', 'any'),
       ('users:write', true, 'any', 'own', 'own', 'own', NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('users:read', 'users:write');
DROP TRIGGER audit_insert ON users;
DROP TRIGGER audit_update ON users;
DROP TRIGGER audit_delete ON users;
CREATE TRIGGER audit_insert AFTER INSERT ON users REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('user');
CREATE TRIGGER audit_update AFTER UPDATE ON users REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('user');
CREATE TRIGGER audit_delete AFTER DELETE ON users REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('user');
DROP TRIGGER touch ON users;
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
DROP INDEX users_username_idx;
DROP INDEX users_created_at_idx;
ALTER TABLE users
 DROP CONSTRAINT users_email_key,
 DROP CONSTRAINT users_email_check,
  ADD CONSTRAINT users_email_check CHECK (length(email) <= 254),
 DROP COLUMN last_login,
 DROP COLUMN public_profile,
 DROP COLUMN email_privacy,
 DROP COLUMN search_visibility,
 DROP COLUMN bio,
 DROP COLUMN instagram,
 DROP COLUMN phone,
 DROP COLUMN birthdate,
 DROP COLUMN last_name,
 DROP COLUMN first_name,
 DROP COLUMN artist_id,
 DROP COLUMN team_id,
 DROP COLUMN name_key;
COMMENT ON COLUMN users.email IS 'The contact e-mail in this tenant; it logs nobody in.';
