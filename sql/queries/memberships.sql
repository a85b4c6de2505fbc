-- Scope: tenant. needs_vote_affirmation is said by the database's clock: the membership votes, and that was not affirmed in the last 365 days.

-- MembershipList reads one page of a tenant's memberships: all, or the caller's own, as the permission reaches, newest
-- first where sort is ''; else it is legal_name or -legal_name. After… is the last row of the page before (AfterID
-- NULL: none), of which only the sorted column is looked at. Total is -1 unless asked for.
-- name: MembershipList :many
SELECT sqlc.embed(memberships),
       (votes AND coalesce(last_vote_affirmation <= now() - interval '365 days', true))::bool AS needs_vote_affirmation,
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM memberships counted
             WHERE counted.tenant_id = @tenant_id
               AND ((SELECT reaches_all()) OR counted.user_id = (SELECT me()))
               AND (counted.legal_name_key >= fold(sqlc.narg('q')) AND counted.legal_name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
               AND (counted.membership_type = sqlc.narg('membership_type') OR sqlc.narg('membership_type') IS NULL)
               AND (counted.votes = sqlc.narg('votes') OR sqlc.narg('votes') IS NULL)
            ) END, -1)::bigint AS total
  FROM memberships
 WHERE tenant_id = @tenant_id
   AND ((SELECT reaches_all()) OR user_id = (SELECT me()))
   AND (legal_name_key >= fold(sqlc.narg('q')) AND legal_name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
   AND (membership_type = sqlc.narg('membership_type') OR sqlc.narg('membership_type') IS NULL)
   AND (votes = sqlc.narg('votes') OR sqlc.narg('votes') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'legal_name'  THEN (legal_name_key, id) > (sqlc.narg('after_legal_name_key')::text,    sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-legal_name' THEN (legal_name_key, id) < (sqlc.narg('after_legal_name_key')::text,    sqlc.narg('after_id')::uuid)
            ELSE                                  (created_at, id)     < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'legal_name'  THEN legal_name_key END,
          CASE WHEN @sort::text = '-legal_name' THEN legal_name_key END DESC,
          CASE WHEN @sort::text = ''            THEN created_at     END DESC,
          CASE WHEN @sort::text = 'legal_name'  THEN id END,
          CASE WHEN @sort::text <> 'legal_name' THEN id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- MembershipGet reads one membership; pgx.ErrNoRows when the caller sees none of that id.
-- name: MembershipGet :one
SELECT sqlc.embed(memberships),
       (votes AND coalesce(last_vote_affirmation <= now() - interval '365 days', true))::bool AS needs_vote_affirmation
  FROM memberships
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR user_id = (SELECT me()));

-- MembershipCreate makes the membership of a user, who is the caller where none is said. RHUSR: the caller is no user of the tenant; RHPER: it
-- is another's, and the caller reaches his own alone; RHOWN: so it is, and the type is not basic. Without membership_type, announcements or
-- votes it has what the table says.
-- name: MembershipCreate :one
WITH made AS (
    INSERT INTO memberships (tenant_id, user_id, membership_type, legal_name, preferred_name, email_address, city, region, country,
                             postal_code, code_of_conduct, announcements, votes)
    SELECT @tenant_id, coalesce(cast(sqlc.narg('user_id')::text AS uuid), my_user()), coalesce(sqlc.narg('membership_type')::text, 'basic'), @legal_name,
           @preferred_name, @email_address, @city, @region, @country, @postal_code, @code_of_conduct,
           coalesce(sqlc.narg('announcements')::bool, false), coalesce(sqlc.narg('votes')::bool, false)
 RETURNING *
)
SELECT sqlc.embed(memberships),
       (votes AND coalesce(last_vote_affirmation <= now() - interval '365 days', true))::bool AS needs_vote_affirmation
  FROM made AS memberships;

-- MembershipUpdate changes a membership: NULL keeps membership_type, legal_name, email_address, announcements and votes, and preferred_name_set,
-- city_set, region_set, country_set and postal_code_set say what is replaced. One that votes no more forgets when that was affirmed. RHOWN: the
-- type is to change, and the caller reaches his own alone. pgx.ErrNoRows when the caller may change none of that id, or when if_match is given
-- and holds not its version.
-- name: MembershipUpdate :one
UPDATE memberships
   SET membership_type       = coalesce(sqlc.narg('membership_type'), membership_type),
       legal_name            = coalesce(sqlc.narg('legal_name'), legal_name),
       preferred_name        = CASE WHEN @preferred_name_set::bool THEN sqlc.narg('preferred_name') ELSE preferred_name END,
       email_address         = coalesce(sqlc.narg('email_address'), email_address),
       city                  = CASE WHEN @city_set::bool THEN sqlc.narg('city') ELSE city END,
       region                = CASE WHEN @region_set::bool THEN sqlc.narg('region') ELSE region END,
       country               = CASE WHEN @country_set::bool THEN sqlc.narg('country') ELSE country END,
       postal_code           = CASE WHEN @postal_code_set::bool THEN sqlc.narg('postal_code') ELSE postal_code END,
       announcements         = coalesce(sqlc.narg('announcements'), announcements),
       votes                 = coalesce(sqlc.narg('votes'), votes),
       last_vote_affirmation = CASE WHEN coalesce(sqlc.narg('votes'), votes) THEN last_vote_affirmation END
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR user_id = (SELECT me()))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING sqlc.embed(memberships),
       (votes AND coalesce(last_vote_affirmation <= now() - interval '365 days', true))::bool AS needs_vote_affirmation;

-- MembershipAffirmVote notes that the member still votes; memberships_affirmation_check where it does not. pgx.ErrNoRows when the caller may
-- change none of that id.
-- name: MembershipAffirmVote :one
UPDATE memberships
   SET last_vote_affirmation = now()
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR user_id = (SELECT me()))
RETURNING sqlc.embed(memberships),
       (votes AND coalesce(last_vote_affirmation <= now() - interval '365 days', true))::bool AS needs_vote_affirmation;

-- MembershipDelete removes a membership; pgx.ErrNoRows as in MembershipUpdate.
-- name: MembershipDelete :one
DELETE FROM memberships
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR user_id = (SELECT me()))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;
