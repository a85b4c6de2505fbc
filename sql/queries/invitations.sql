-- Scope: tenant.

-- InvitationList reads one page of the invitations that nobody has accepted, newest first.
-- name: InvitationList :many
SELECT sqlc.embed(invitations),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM invitations counted
             WHERE counted.tenant_id = @tenant_id
            ) END, -1)::bigint AS total
  FROM invitations
 WHERE tenant_id = @tenant_id
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            ELSE (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY created_at DESC, id DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- InvitationGet reads one invitation; pgx.ErrNoRows when the tenant has none of that id.
-- name: InvitationGet :one
SELECT *
  FROM invitations
 WHERE tenant_id = @tenant_id
   AND id = @id;

-- InvitationCreate invites whoever reads the mail of an address, and has the mail sent. RHGRT when the role holds what the caller does not,
-- RHINV when the address is a user's here, RHUSR when nobody of the tenant asks.
-- name: InvitationCreate :one
WITH mailed AS (
    INSERT INTO jobs (tenant_id, kind, subject_type, subject_id)
    VALUES (@tenant_id, 'invitation.mail', 'invite', @id)
)
INSERT INTO invitations (tenant_id, id, email, role, team_id, artist_id, invited_by, expires_at)
VALUES (@tenant_id, @id, @email, @role, @team_id, @artist_id, my_user(), @expires_at)
RETURNING *;

-- InvitationMail gives an invitation the token that is about to be mailed, in place of one that was; tenant_name is what the mail calls the tenant.
-- pgx.ErrNoRows: it was accepted or taken back, or has expired.
-- name: InvitationMail :one
UPDATE invitations
   SET token_hash = @token_hash
 WHERE invitations.tenant_id = @tenant_id
   AND invitations.id = @id
   AND invitations.expires_at > now()
RETURNING email,
       coalesce((
            SELECT tenants.name
              FROM tenants
             WHERE tenants.id = @tenant_id), '')::text AS tenant_name;

-- InvitationDelete takes an invitation back; pgx.ErrNoRows when there is none of that id, or when if_match is given and holds not
-- its version.
-- name: InvitationDelete :one
DELETE FROM invitations
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;

-- InvitationAccept takes the invitation of a token away, if it can be accepted still: the tenant is active, the invitation has
-- not expired, and who gave it could give it now. pgx.ErrNoRows otherwise. Of several for one address at once the others wait before they
-- take anything, and then find theirs gone.
-- name: InvitationAccept :one
DELETE FROM invitations
 USING tenants
 WHERE invitations.tenant_id = @tenant_id
   AND invitations.token_hash = @token_hash
   AND invitations.expires_at > now()
   AND tenants.id = @tenant_id
   AND tenants.status = 'active'
   AND hold_addresses(ARRAY[invitations.email])
   AND lacking(role_grants(invitations.role) || 'invitations:write'::text, user_grants(invitations.invited_by)) = '{}'::text[]
RETURNING sqlc.embed(invitations);

-- InvitationDeleteOfAccount takes back what an account's user has sent, for an account that is shut.
-- name: InvitationDeleteOfAccount :exec
DELETE FROM invitations
 WHERE invitations.tenant_id = @tenant_id
   AND invitations.invited_by IN (SELECT u.id FROM users u WHERE u.tenant_id = @tenant_id AND u.account_id = @account_id);
