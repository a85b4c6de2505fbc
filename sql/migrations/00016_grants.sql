-- +goose Up
-- What a caller holds, and that nobody gives what he does not hold.

-- +goose StatementBegin
CREATE FUNCTION granted(permissions text[]) RETURNS TABLE (name text, reach text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN right(entry, 4) = ':own' THEN left(entry, -4) ELSE entry END,
           CASE WHEN right(entry, 4) = ':own' THEN 'own'           ELSE 'any' END
      FROM unnest(permissions) AS entry;
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION granted(text[]) IS 'The entries of a list of permissions: x is reach any, x:own is reach own.';

-- +goose StatementBegin
CREATE FUNCTION role_grants(role text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(array_agg(p.name || CASE held.reach WHEN 'own' THEN ':own' ELSE '' END), '{}')
      FROM permissions p
     CROSS JOIN LATERAL (
           SELECT CASE role WHEN 'admin'     THEN p.admin
                            WHEN 'assistant' THEN p.assistant
                            WHEN 'artist'    THEN p.artist
                            WHEN 'member'    THEN p.member
                  END
           ) AS held (reach)
     WHERE held.reach IS NOT NULL;
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION role_grants(text) IS 'What a primary role holds, as such a list.';

-- +goose StatementBegin
CREATE FUNCTION custom_grants(somebody uuid) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(array_agg(permission), '{}')
      FROM user_roles ur
      JOIN roles r ON r.tenant_id = ur.tenant_id AND r.id = ur.role_id
     CROSS JOIN unnest(r.permissions) AS permission
     WHERE ur.tenant_id = current_tenant()
       AND ur.user_id = somebody;
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION custom_grants(uuid) IS 'What a user of the bound tenant holds by custom roles, as such a list.';

-- +goose StatementBegin
CREATE FUNCTION custom_reach(somebody uuid, permission text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT min(g.reach) -- any sorts before own
      FROM granted(custom_grants(somebody)) g
      JOIN permissions p ON p.name = g.name
     WHERE g.name = permission
       AND (g.reach = 'any' OR p.ownable);
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION custom_reach(uuid, text) IS 'The widest reach with which a user''s custom roles hold a permission; NULL: not at all.';

-- +goose StatementBegin
CREATE FUNCTION user_grants(somebody uuid) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT role_grants(u.role) || custom_grants(u.id)
      FROM users u
     WHERE u.tenant_id = current_tenant()
       AND u.id = somebody
       AND u.is_active;
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION user_grants(uuid) IS 'What an active user of the bound tenant holds; NULL for anybody else.';

-- +goose StatementBegin
CREATE FUNCTION lacking(wanted text[], held text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT w.name || CASE w.reach WHEN 'own' THEN ':own' ELSE '' END), '{}')
      FROM granted(wanted) w
     WHERE NOT EXISTS (SELECT 1 FROM granted(held) h WHERE h.name = w.name AND (h.reach = 'any' OR h.reach = w.reach));
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION lacking(text[], text[]) IS 'What of the wanted list the held list does not cover.';

-- +goose StatementBegin
CREATE FUNCTION my_grants() RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
           WHEN me() IS NOT NULL AND my_key() IS NULL THEN user_grants(me())
           WHEN me() IS NOT NULL THEN (
                SELECT coalesce(array_agg(h.name || CASE WHEN 'own' IN (h.reach, s.reach) THEN ':own' ELSE '' END), '{}')
                  FROM api_keys k
                 CROSS JOIN LATERAL granted(user_grants(k.user_id)) h
                  LEFT JOIN LATERAL granted(k.scopes) s ON s.name = h.name
                 WHERE k.tenant_id = current_tenant()
                   AND k.id = my_key()
                   AND (k.scopes IS NULL OR s.name IS NOT NULL))
           ELSE (SELECT array_agg(p.name) FROM permissions p WHERE visit() IS DISTINCT FROM 'staff' OR p.staff = 'any')
           END;
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION my_grants() IS 'What the caller holds: a user, an API key within its scopes, a visitor, or system work, which holds all.';

-- +goose StatementBegin
CREATE FUNCTION holds(permission text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT permission = ANY (my_grants());
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION holds(text) IS 'Whether the caller holds a permission with reach any, beside that of the operation itself.';

-- +goose StatementBegin
CREATE FUNCTION confer() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Before a row that gives somebody permissions: whoever asks holds each of them. System work, which nobody asked for, holds
-- all. RHGRT: refused; DETAIL lists what is lacking. Argument: the table's name.
DECLARE
    given   text[];
    missing text[];
BEGIN
    IF me() IS NULL AND visit() IS NULL THEN
        RETURN NEW;
    ELSIF TG_ARGV[0] = 'users' THEN
        given := role_grants(NEW.role);
        IF TG_OP = 'UPDATE' AND OLD.is_active THEN
            given := lacking(given, role_grants(OLD.role)); -- what the new role adds
        ELSE
            given := given || custom_grants(NEW.id);
        END IF;
    ELSIF TG_ARGV[0] = 'user_roles' THEN
        given := (SELECT r.permissions FROM roles r WHERE r.tenant_id = NEW.tenant_id AND r.id = NEW.role_id);
    ELSIF TG_ARGV[0] = 'roles' THEN
        given := NEW.permissions;
    ELSIF TG_ARGV[0] = 'invitations' THEN
        given := role_grants(NEW.role);
    ELSE -- api_keys
        given := coalesce(NEW.scopes, user_grants(NEW.user_id));
    END IF;
    missing := lacking(given, my_grants());
    IF missing <> '{}' THEN
        RAISE EXCEPTION 'gives what the giver lacks' USING ERRCODE = 'RHGRT', TABLE = TG_ARGV[0], DETAIL = array_to_string(missing, ', ');
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

REVOKE EXECUTE ON FUNCTION granted(text[]), role_grants(text), custom_grants(uuid), custom_reach(uuid, text), user_grants(uuid),
                           lacking(text[], text[]), my_grants(), holds(text), confer()
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION granted(text[]), role_grants(text), custom_grants(uuid), user_grants(uuid), lacking(text[], text[]), my_grants(), holds(text)
   TO rowhouse_app;

CREATE TRIGGER confer_insert BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION confer('users');
CREATE TRIGGER confer_update BEFORE UPDATE ON users FOR EACH ROW
    WHEN (NEW.role <> OLD.role OR NEW.is_active AND NOT OLD.is_active) EXECUTE FUNCTION confer('users');
CREATE TRIGGER confer_insert BEFORE INSERT ON user_roles FOR EACH ROW EXECUTE FUNCTION confer('user_roles');
CREATE TRIGGER confer_insert BEFORE INSERT ON roles FOR EACH ROW EXECUTE FUNCTION confer('roles');
CREATE TRIGGER confer_update BEFORE UPDATE ON roles FOR EACH ROW
    WHEN (NEW.permissions <> OLD.permissions) EXECUTE FUNCTION confer('roles');
CREATE TRIGGER confer_insert BEFORE INSERT ON invitations FOR EACH ROW EXECUTE FUNCTION confer('invitations');
CREATE TRIGGER confer_insert BEFORE INSERT ON api_keys FOR EACH ROW EXECUTE FUNCTION confer('api_keys');

-- +goose Down
DROP TRIGGER confer_insert ON api_keys;
DROP TRIGGER confer_insert ON invitations;
DROP TRIGGER confer_update ON roles;
DROP TRIGGER confer_insert ON roles;
DROP TRIGGER confer_insert ON user_roles;
DROP TRIGGER confer_update ON users;
DROP TRIGGER confer_insert ON users;
DROP FUNCTION confer();
DROP FUNCTION holds(text);
DROP FUNCTION my_grants();
DROP FUNCTION lacking(text[], text[]);
DROP FUNCTION user_grants(uuid);
DROP FUNCTION custom_reach(uuid, text);
DROP FUNCTION custom_grants(uuid);
DROP FUNCTION role_grants(text);
DROP FUNCTION granted(text[]);
