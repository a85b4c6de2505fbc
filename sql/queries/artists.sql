-- Scope: tenant.

-- ArtistCreate makes an artist.
-- name: ArtistCreate :one
INSERT INTO artists (tenant_id, name)
VALUES (@tenant_id, @name)
RETURNING *;
