-- Scope: tenant.

-- UserList reads one page of a tenant's users with their teams and roles: all, or oneself, as the permission reaches. Sort is
-- '', name, -name, username or -username; the rest is as in ItemList. email_shown is false where a user's e-mail is not the
-- caller's to see, and then no filter finds it either.
-- name: UserList :many
SELECT sqlc.embed(users),
       coalesce((
            SELECT teams.name
              FROM teams
             WHERE teams.tenant_id = @tenant_id
               AND teams.id = users.team_id), '')::text AS team_name,
       coalesce((
            SELECT jsonb_agg(jsonb_build_object('id', roles.id, 'name', roles.name) ORDER BY roles.name_key)
              FROM user_roles
              JOIN roles ON roles.tenant_id = @tenant_id AND roles.id = user_roles.role_id
             WHERE user_roles.tenant_id = @tenant_id
               AND user_roles.user_id = users.id), '[]')::jsonb AS role_list,
       (users.email_privacy <> 'never' OR coalesce(users.id = (SELECT me()), false) OR (SELECT holds('users:write')))::bool AS email_shown,
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM users counted
             WHERE counted.tenant_id = @tenant_id
               AND ((SELECT reaches_all()) OR counted.id = (SELECT me()))
               AND (counted.team_id = sqlc.narg('team_id') OR sqlc.narg('team_id') IS NULL)
               AND (counted.role = sqlc.narg('role') OR sqlc.narg('role') IS NULL)
               AND (counted.is_active = sqlc.narg('is_active') OR sqlc.narg('is_active') IS NULL)
               AND (counted.username = sqlc.narg('username') OR sqlc.narg('username') IS NULL)
               AND (counted.email = sqlc.narg('email') AND (counted.email_privacy <> 'never' OR counted.id = (SELECT me()) OR (SELECT holds('users:write'))) OR sqlc.narg('email') IS NULL)
               AND (counted.name_key >= fold(sqlc.narg('q')) AND counted.name_key < fold(sqlc.narg('q')) || chr(1114111)
                    OR counted.username >= fold(sqlc.narg('q')) AND counted.username < fold(sqlc.narg('q')) || chr(1114111)
                    OR sqlc.narg('q') IS NULL)
            ) END, -1)::bigint AS total
  FROM users
 WHERE users.tenant_id = @tenant_id
   AND ((SELECT reaches_all()) OR users.id = (SELECT me()))
   AND (users.team_id = sqlc.narg('team_id') OR sqlc.narg('team_id') IS NULL)
   AND (users.role = sqlc.narg('role') OR sqlc.narg('role') IS NULL)
   AND (users.is_active = sqlc.narg('is_active') OR sqlc.narg('is_active') IS NULL)
   AND (users.username = sqlc.narg('username') OR sqlc.narg('username') IS NULL)
   AND (users.email = sqlc.narg('email') AND (users.email_privacy <> 'never' OR users.id = (SELECT me()) OR (SELECT holds('users:write'))) OR sqlc.narg('email') IS NULL)
   AND (users.name_key >= fold(sqlc.narg('q')) AND users.name_key < fold(sqlc.narg('q')) || chr(1114111)
        OR users.username >= fold(sqlc.narg('q')) AND users.username < fold(sqlc.narg('q')) || chr(1114111)
        OR sqlc.narg('q') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'name'      THEN (users.name_key, users.id)   > (sqlc.narg('after_name_key')::text, sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-name'     THEN (users.name_key, users.id)   < (sqlc.narg('after_name_key')::text, sqlc.narg('after_id')::uuid)
            WHEN @sort::text = 'username'  THEN (users.username, users.id)   > (sqlc.narg('after_username')::text, sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-username' THEN (users.username, users.id)   < (sqlc.narg('after_username')::text, sqlc.narg('after_id')::uuid)
            ELSE                                (users.created_at, users.id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'name'      THEN users.name_key   END,
          CASE WHEN @sort::text = '-name'     THEN users.name_key   END DESC,
          CASE WHEN @sort::text = 'username'  THEN users.username   END,
          CASE WHEN @sort::text = '-username' THEN users.username   END DESC,
          CASE WHEN @sort::text = ''          THEN users.created_at END DESC,
          CASE WHEN @sort::text IN ('name', 'username') THEN users.id END,
          CASE WHEN @sort::text NOT IN ('name', 'username') THEN users.id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- UserGet reads one user; pgx.ErrNoRows when the caller sees none of that id.
-- name: UserGet :one
SELECT sqlc.embed(users),
       coalesce((
            SELECT teams.name
              FROM teams
             WHERE teams.tenant_id = @tenant_id
               AND teams.id = users.team_id), '')::text AS team_name,
       coalesce((
            SELECT jsonb_agg(jsonb_build_object('id', roles.id, 'name', roles.name) ORDER BY roles.name_key)
              FROM user_roles
              JOIN roles ON roles.tenant_id = @tenant_id AND roles.id = user_roles.role_id
             WHERE user_roles.tenant_id = @tenant_id
               AND user_roles.user_id = users.id), '[]')::jsonb AS role_list,
       (users.email_privacy <> 'never' OR coalesce(users.id = (SELECT me()), false) OR (SELECT holds('users:write')))::bool AS email_shown
  FROM users
 WHERE users.tenant_id = @tenant_id
   AND users.id = @id
   AND ((SELECT reaches_all()) OR users.id = (SELECT me()));

-- UserCreate makes an account a user of a tenant, and has it welcomed by mail if so told; RHGRT when the role holds what the caller does not.
-- name: UserCreate :one
WITH made AS (
    INSERT INTO users (tenant_id, id, account_id, username, email, name, role, team_id, artist_id, first_name, last_name, birthdate,
                       phone, instagram, bio, search_visibility, email_privacy, public_profile)
    VALUES (@tenant_id, @id, @account_id, @username, @email, @name, @role, @team_id, @artist_id, @first_name, @last_name, @birthdate,
            @phone, @instagram, @bio,
            coalesce(sqlc.narg('search_visibility')::text, 'public'),
            coalesce(sqlc.narg('email_privacy')::text, 'private'),
            coalesce(sqlc.narg('public_profile')::bool, true))
 RETURNING *
), welcomed AS (
    INSERT INTO jobs (tenant_id, kind, subject_type, subject_id)
    SELECT @tenant_id, 'user.welcome', 'user', @id
     WHERE @welcome::bool
)
SELECT sqlc.embed(users),
       coalesce((
            SELECT teams.name
              FROM teams
             WHERE teams.tenant_id = @tenant_id
               AND teams.id = users.team_id), '')::text AS team_name,
       '[]'::jsonb AS role_list
  FROM made AS users;

-- UserWelcome is whom a mail welcomes to a tenant. pgx.ErrNoRows: the user is gone, or shut out.
-- name: UserWelcome :one
SELECT users.account_id,
       tenants.name AS tenant_name
  FROM users
  JOIN tenants ON tenants.id = @tenant_id
 WHERE users.tenant_id = @tenant_id
   AND users.id = @id
   AND users.is_active;

-- UserUpdate changes a user: NULL keeps what has no …_set beside it. not_own are those of the given fields that nobody changes
-- of himself: RHOWN for the user itself. RHGRT: as in UserCreate; RHADM: the last admin stays one. pgx.ErrNoRows
-- when the caller may change none of that id, or when if_match is given and holds not its version.
-- name: UserUpdate :one
UPDATE users
   SET email             = CASE WHEN @email_set::bool      THEN sqlc.narg('email')      ELSE email      END,
       name              = coalesce(sqlc.narg('name'), name),
       role              = coalesce(sqlc.narg('role'), role),
       team_id           = CASE WHEN @team_id_set::bool    THEN sqlc.narg('team_id')    ELSE team_id    END,
       artist_id         = CASE WHEN @artist_id_set::bool  THEN sqlc.narg('artist_id')  ELSE artist_id  END,
       first_name        = CASE WHEN @first_name_set::bool THEN sqlc.narg('first_name') ELSE first_name END,
       last_name         = CASE WHEN @last_name_set::bool  THEN sqlc.narg('last_name')  ELSE last_name  END,
       birthdate         = CASE WHEN @birthdate_set::bool  THEN sqlc.narg('birthdate')  ELSE birthdate  END,
       phone             = CASE WHEN @phone_set::bool      THEN sqlc.narg('phone')      ELSE phone      END,
       instagram         = CASE WHEN @instagram_set::bool  THEN sqlc.narg('instagram')  ELSE instagram  END,
       bio               = CASE WHEN @bio_set::bool        THEN sqlc.narg('bio')        ELSE bio        END,
       search_visibility = coalesce(sqlc.narg('search_visibility'), search_visibility),
       email_privacy     = coalesce(sqlc.narg('email_privacy'), email_privacy),
       public_profile    = coalesce(sqlc.narg('public_profile'), public_profile)
 WHERE users.tenant_id = @tenant_id
   AND users.id = @id
   AND ((SELECT reaches_all()) OR users.id = (SELECT me()))
   AND own_fields(users.id, @not_own::text[])
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING sqlc.embed(users),
       coalesce((
            SELECT teams.name
              FROM teams
             WHERE teams.tenant_id = @tenant_id
               AND teams.id = users.team_id), '')::text AS team_name,
       coalesce((
            SELECT jsonb_agg(jsonb_build_object('id', roles.id, 'name', roles.name) ORDER BY roles.name_key)
              FROM user_roles
              JOIN roles ON roles.tenant_id = @tenant_id AND roles.id = user_roles.role_id
             WHERE user_roles.tenant_id = @tenant_id
               AND user_roles.user_id = users.id), '[]')::jsonb AS role_list;

-- UserActivate lets a user in again, or shuts one out; RHADM: the last admin stays. RHCLO: its account was closed. RHGRT: as in UserCreate. pgx.ErrNoRows when
-- the tenant has none of that id.
-- name: UserActivate :one
UPDATE users
   SET is_active = @is_active
 WHERE users.tenant_id = @tenant_id
   AND users.id = @id
RETURNING sqlc.embed(users),
       coalesce((
            SELECT teams.name
              FROM teams
             WHERE teams.tenant_id = @tenant_id
               AND teams.id = users.team_id), '')::text AS team_name,
       coalesce((
            SELECT jsonb_agg(jsonb_build_object('id', roles.id, 'name', roles.name) ORDER BY roles.name_key)
              FROM user_roles
              JOIN roles ON roles.tenant_id = @tenant_id AND roles.id = user_roles.role_id
             WHERE user_roles.tenant_id = @tenant_id
               AND user_roles.user_id = users.id), '[]')::jsonb AS role_list;

-- UserDelete takes a user and its keys out of the tenant, never the one who asks; RHADM: the last admin stays. pgx.ErrNoRows when
-- the caller may delete none of that id, or when if_match is given and holds not its version.
-- name: UserDelete :one
DELETE FROM users
 WHERE users.tenant_id = @tenant_id
   AND users.id = @id
   AND users.id IS DISTINCT FROM (SELECT me())
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;

-- UserLeave takes the user who asks, and its keys, out of the tenant; RHADM: the last admin stays.
-- name: UserLeave :one
DELETE FROM users
 WHERE users.tenant_id = @tenant_id
   AND users.id = (SELECT my_user())
RETURNING id;

-- UserRoleAssign gives a user a role, or does nothing when it has it; RHGRT when the role holds what the caller does not.
-- name: UserRoleAssign :exec
INSERT INTO user_roles (tenant_id, user_id, role_id)
VALUES (@tenant_id, @user_id, @role_id)
ON CONFLICT (tenant_id, user_id, role_id) DO NOTHING;

-- UserRoleUnassign takes a role from a user who may have it; pgx.ErrNoRows when the tenant has no such user.
-- name: UserRoleUnassign :one
WITH taken AS (
     DELETE FROM user_roles
      WHERE user_roles.tenant_id = @tenant_id
        AND user_roles.user_id = @user_id
        AND user_roles.role_id = @role_id
)
SELECT users.id
  FROM users
 WHERE users.tenant_id = @tenant_id
   AND users.id = @user_id;

-- UserDeactivateOwn takes an account's user out of a tenant, what is personal out of the row, and its keys and its membership away; RHADM when it is
-- the last active admin.
-- name: UserDeactivateOwn :execrows
WITH ended AS (
     DELETE FROM api_keys
      WHERE api_keys.tenant_id = @tenant_id
        AND api_keys.user_id IN (SELECT u.id FROM users u WHERE u.tenant_id = @tenant_id AND u.account_id = @account_id)
), membership AS (
     DELETE FROM memberships
      WHERE memberships.tenant_id = @tenant_id
        AND memberships.user_id IN (SELECT u.id FROM users u WHERE u.tenant_id = @tenant_id AND u.account_id = @account_id)
)
UPDATE users
   SET is_active  = false,
       name       = NULL,
       email      = NULL,
       username   = @username,
       first_name = NULL,
       last_name  = NULL,
       birthdate  = NULL,
       phone      = NULL,
       instagram  = NULL,
       bio        = NULL
 WHERE users.tenant_id = @tenant_id
   AND users.account_id = @account_id;
