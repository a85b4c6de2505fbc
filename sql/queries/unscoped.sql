-- Scope: unscoped. What runs before anyone is known; each query says why.

-- AccountByLogin finds an account by its username or login e-mail, for login: nobody is known before the password is.
-- name: AccountByLogin :one
SELECT *
  FROM accounts
 WHERE username = @login
    OR email = @login;

-- AccountCreate makes an account, for registration, for an invitation, and for a tenant's or the operator's new user. It is called
-- by the spare username, if one is given, where the username is taken. Proof has it mailed a token that confirms its e-mail.
-- name: AccountCreate :one
WITH proven AS (
    INSERT INTO letters (kind, email, account_id, proofs)
    SELECT 'proof', @email, @id, 0
     WHERE @proof::bool
)
INSERT INTO accounts (id, username, email, name, password_hash, made_in, email_verified_at, is_staff, is_superuser)
SELECT @id,
       CASE WHEN count(*) = 0 OR sqlc.narg('spare')::text IS NULL THEN @username::text ELSE sqlc.narg('spare')::text END,
       @email, @name, @password_hash, @made_in, @email_verified_at, @is_staff, @is_superuser
  FROM accounts taken -- which are counted, and so are one row
 WHERE taken.username = @username
RETURNING *;

-- AccountPasswordRehash replaces the hash of a password that was just proven by one with today's parameters, for login.
-- name: AccountPasswordRehash :exec
UPDATE accounts
   SET password_hash = @password_hash
 WHERE id = @account_id
   AND password_hash = @checked_hash;

-- SessionCreate starts a session with its first refresh token, for login; pgx.ErrNoRows when the account is no longer
-- active, or its proofs were voided since the password was checked. Whoever voids them waits, and then sees the session.
-- name: SessionCreate :one
WITH known AS (
     SELECT accounts.id,
            accounts.proofs
       FROM accounts
      WHERE accounts.id = @account_id
        AND accounts.is_active
        AND accounts.proofs = @proofs
        FOR SHARE
), started AS (
     INSERT INTO sessions (id, account_id, proofs, user_agent, address, expires_at)
     SELECT @id, known.id, known.proofs, @user_agent, @address, @expires_at
       FROM known
  RETURNING id
)
INSERT INTO refresh_tokens (hash, session_id)
SELECT @refresh_hash, started.id
  FROM started
RETURNING session_id;

-- RefreshTokenRotate spends an unused refresh token of a live session and stores its successor, for refresh: the token is
-- the only proof there is. pgx.ErrNoRows when there is no such token to spend. Of two at once, one waits and then finds none.
-- name: RefreshTokenRotate :one
WITH spent AS (
     UPDATE refresh_tokens
        SET used_at   = now(),
            successor = @successor
       FROM sessions
       JOIN accounts ON accounts.id = sessions.account_id
      WHERE refresh_tokens.hash = @hash
        AND refresh_tokens.used_at IS NULL
        AND sessions.id = refresh_tokens.session_id
        AND sessions.revoked_at IS NULL
        AND sessions.expires_at > now()
        AND accounts.is_active
  RETURNING refresh_tokens.session_id
), stored AS (
     INSERT INTO refresh_tokens (hash, session_id)
     SELECT @successor_hash, spent.session_id
       FROM spent
)
UPDATE sessions
   SET last_used_at = now(),
       expires_at   = @expires_at
  FROM spent
 WHERE sessions.id = spent.session_id
RETURNING sessions.id, sessions.account_id, sessions.active_tenant_id;

-- RefreshTokenReplay reads a spent refresh token of a live session, for a client that lost the answer to its refresh.
-- Replayable: it was spent within ten seconds and its successor has not been. pgx.ErrNoRows: no such token, or a dead session.
-- name: RefreshTokenReplay :one
SELECT sessions.id,
       sessions.account_id,
       sessions.active_tenant_id,
       parent.successor,
       (parent.used_at > now() - interval '10 seconds'
        AND NOT EXISTS (
            SELECT 1
              FROM refresh_tokens later
             WHERE later.session_id = parent.session_id
               AND later.used_at > parent.used_at))::bool AS replayable
  FROM refresh_tokens parent
  JOIN sessions ON sessions.id = parent.session_id
  JOIN accounts ON accounts.id = sessions.account_id
 WHERE parent.hash = @hash
   AND parent.used_at IS NOT NULL
   AND sessions.revoked_at IS NULL
   AND sessions.expires_at > now()
   AND accounts.is_active;

-- SessionRevokeReused ends a session whose refresh token was presented twice: whoever holds it, it was stolen.
-- name: SessionRevokeReused :exec
UPDATE sessions
   SET revoked_at = now()
 WHERE id = @session_id
   AND revoked_at IS NULL;

-- AccountByKey finds the account of a live API key, for GET /me: a key has no session. RHSES: there is no such key. RHTEN: its user or
-- its tenant is not active.
-- name: AccountByKey :one
SELECT *
  FROM accounts
 WHERE id = (SELECT key_account(cast(sqlc.arg('tenant')::text AS uuid), sqlc.arg('key_prefix')::text, sqlc.arg('hash')::bytea));

-- TokenCreate stores the hash of a token that is mailed to an address, in place of those of the same purpose, for whoever will come
-- with it. It stores none, and returns 0, when the account is no longer active, its proofs were voided since it was seen, or its login
-- e-mail has changed. Whoever does that waits, and then sees the token.
-- name: TokenCreate :execrows
WITH known AS (
     SELECT accounts.id
       FROM accounts
      WHERE accounts.id = @account_id
        AND accounts.is_active
        AND accounts.proofs = @proofs
        AND accounts.email = @login_email
        FOR SHARE
), void AS (
     DELETE FROM one_time_tokens
      USING known
      WHERE one_time_tokens.account_id = known.id
        AND one_time_tokens.purpose = @purpose
)
INSERT INTO one_time_tokens (hash, account_id, purpose, email, expires_at)
SELECT @hash, known.id, @purpose, @email, @expires_at
  FROM known;

-- TokenGet reads a live token and its active account, for whoever comes with it. pgx.ErrNoRows: there is none.
-- name: TokenGet :one
SELECT one_time_tokens.email AS proven,
       sqlc.embed(accounts)
  FROM one_time_tokens
  JOIN accounts ON accounts.id = one_time_tokens.account_id
 WHERE one_time_tokens.hash = @hash
   AND one_time_tokens.purpose = @purpose
   AND one_time_tokens.expires_at > now()
   AND accounts.is_active;

-- LetterCreate promises mails of these kinds to these addresses: of an account, or, of kind password, of nobody who is known yet.
-- name: LetterCreate :exec
INSERT INTO letters (kind, email, account_id, proofs)
SELECT unnest(@kinds::text[]), unnest(@emails::text[]), sqlc.narg('account_id'), sqlc.narg('proofs');

-- LetterGet reads a letter that is to be sent and the account that it is for, for the worker, which no caller is behind. pgx.ErrNoRows: it was sent, it
-- was promised a day ago, its proofs were voided since, or there is no such active account.
-- name: LetterGet :one
SELECT sqlc.embed(letters),
       sqlc.embed(accounts)
  FROM letters
  JOIN accounts ON accounts.id = letters.account_id AND accounts.proofs = letters.proofs
                OR letters.account_id IS NULL AND accounts.email = letters.email
 WHERE letters.id = @id
   AND letters.created_at > now() - interval '1 day'
   AND accounts.is_active;

-- LetterDelete takes a letter away that was sent, or is void, for the worker.
-- name: LetterDelete :exec
DELETE FROM letters
 WHERE id = @id;

-- LoginsExpire deletes what is over of accounts, at most so many rows of each kind; whether there may be more. For the worker: no account asks.
-- name: LoginsExpire :one
SELECT expire_logins(@most::integer);

-- RateLimitTake counts an attempt against each key, for what runs before anyone is known; RHLIM: one of them is used up.
-- name: RateLimitTake :exec
SELECT rate_limit_take(@keys::bytea[], @most::integer[], @seconds::integer[]);

-- RateLimitGive takes an attempt back that succeeded, for login: only failures count in the end.
-- name: RateLimitGive :exec
SELECT rate_limit_give(@keys::bytea[]);

-- AccountEventCreate notes what no change of an account shows: a refusal that is worth keeping.
-- name: AccountEventCreate :exec
INSERT INTO account_events (account_id, action, about_tenant, reason, request_id, address)
VALUES (@account_id, @action, @about_tenant, @reason, @request_id, @address);

-- CatalogueFaults lists what is unsound about this database, for start and readiness; none when all is well.
-- name: CatalogueFaults :many
SELECT fault::text
  FROM catalogue_faults() AS fault;

-- MigrationVersion is the newest migration that this database has, for start and readiness.
-- name: MigrationVersion :one
SELECT migration_version();

-- TenantPublic finds a public tenant by its slug, for what everybody may read of it; pgx.ErrNoRows: there is none, or it is not for the public,
-- or not active.
-- name: TenantPublic :one
SELECT id
  FROM tenants
 WHERE slug = @slug
   AND is_public
   AND status = 'active';

-- IdentitySession finds the live session that a token of an outside issuer stands for, and the time before which none of that identity may
-- have been issued: the token, which was verified, is all the proof that there is. pgx.ErrNoRows: there is none, or none for a token that was
-- issued then; IdentityEnter begins one, or says why not.
-- name: IdentitySession :one
SELECT sessions.id,
       sessions.account_id,
       coalesce(greatest(accounts.not_before, identities.not_before), 'epoch')::timestamptz AS not_before
  FROM identities
  JOIN accounts ON accounts.id = identities.account_id
  JOIN sessions ON sessions.issuer = identities.issuer AND sessions.subject = identities.subject
 WHERE identities.issuer = @issuer
   AND identities.subject = @subject
   AND identities.ended_at IS NULL
   AND accounts.is_active
   AND sessions.revoked_at IS NULL
   AND sessions.expires_at > now()
   AND coalesce(greatest(accounts.not_before, identities.not_before), 'epoch') <= @issued_at::timestamptz
 ORDER BY sessions.created_at DESC
 LIMIT 1;

-- IdentityEnter begins the session that a token of an outside issuer stands for, unless there is one, and links an identity that is linked to
-- no account where both e-mails are proven. RHIDN: it is linked to none. RHSES: the account, the identity or the session is over.
-- name: IdentityEnter :exec
SELECT identity_enter(@issuer::text, @subject::text, @issued_at::timestamptz, sqlc.narg('email')::text, cast(@session::text AS uuid),
                      sqlc.narg('user_agent')::text, @address::text, @expires_at::timestamptz);

-- IdentityHold keeps others from linking an identity, and from heeding what is told of it, until the transaction ends: for what an issuer
-- tells of people whom nobody here need know.
-- name: IdentityHold :one
SELECT identity_hold(@issuer::text, @subject::text)::bool;

-- IdentityGet reads an identity, for what its issuer tells of it; pgx.ErrNoRows: nobody has heard of it.
-- name: IdentityGet :one
SELECT *
  FROM identities
 WHERE issuer = @issuer
   AND subject = @subject;

-- IdentityTell links an identity to an account, or keeps it linked, and notes the issuer's own time of what it has told, for what an issuer
-- tells of people whom nobody here need know.
-- name: IdentityTell :exec
INSERT INTO identities (issuer, subject, account_id, told_at)
VALUES (@issuer, @subject, @account_id, @told_at)
    ON CONFLICT (issuer, subject) DO UPDATE
   SET told_at = excluded.told_at;

-- IdentityEnd ends an identity for ever, whether or not anybody has heard of it, for what its issuer tells: what it told of it before may yet
-- come.
-- name: IdentityEnd :exec
INSERT INTO identities (issuer, subject, ended_at)
VALUES (@issuer, @subject, now())
    ON CONFLICT (issuer, subject) DO UPDATE
   SET ended_at = excluded.ended_at;

-- AccountTell brings an account in step with what the issuer of its identity tells. A new e-mail voids what was mailed for the account, and one
-- that is proven stays so. pgx.ErrNoRows: the account is not active.
-- name: AccountTell :one
WITH void AS (
     DELETE FROM one_time_tokens
      USING accounts moved
      WHERE one_time_tokens.account_id = @account_id
        AND moved.id = @account_id
        AND moved.email <> @email
)
UPDATE accounts
   SET email             = @email,
       email_verified_at = CASE WHEN @email_verified::bool AND (email_verified_at IS NULL OR email <> @email) THEN now() ELSE email_verified_at END,
       name              = coalesce(sqlc.narg('name'), name)
 WHERE accounts.id = @account_id
   AND accounts.is_active
RETURNING *;

-- AccountLock keeps an account as it is until the transaction ends, for what the issuer of its identity tells.
-- name: AccountLock :one
SELECT *
  FROM accounts
 WHERE id = @account_id
   FOR NO KEY UPDATE;

-- AccountReactivate opens an account again that was shut, for the operator; not one that its owner has closed, of whom nothing is left. pgx.ErrNoRows:
-- there is none to open.
-- name: AccountReactivate :one
UPDATE accounts
   SET is_active = true
 WHERE id = @account_id
   AND NOT is_active
   AND email NOT LIKE '%@closed.invalid'
RETURNING id;

-- AccountDeactivate shuts an account, and voids all its proofs: for an issuer that tells that there is no such person any more, and for the operator.
-- name: AccountDeactivate :exec
UPDATE accounts
   SET is_active = false,
       proofs    = proofs + 1
 WHERE id = @account_id
   AND is_active;

-- HookMessageTake notes a message of an outside service, whose signature is all the proof that there is, and says whether it was heeded
-- before and is sent once more. pgx.ErrNoRows: this very attempt came before, or a later one.
-- name: HookMessageTake :one
WITH forgotten AS (
     DELETE FROM hook_messages
      WHERE received_at < now() - interval '7 days'
)
INSERT INTO hook_messages AS m (id, sent_at)
VALUES (@id, @sent_at)
    ON CONFLICT (id) DO UPDATE
   SET sent_at = excluded.sent_at
 WHERE m.sent_at < excluded.sent_at
RETURNING (m.received_at < now())::bool AS repeated;

-- ArchiveAccounts reads accounts by their ids and by their login e-mails: who the users in an archive are, for the operator.
-- name: ArchiveAccounts :many
SELECT id,
       username,
       email,
       name,
       email_verified_at
  FROM accounts
 WHERE id = ANY(CAST(@account_ids::text[] AS uuid[]))
 UNION
SELECT id,
       username,
       email,
       name,
       email_verified_at
  FROM accounts
 WHERE email = ANY(@emails::text[]);
