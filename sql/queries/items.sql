-- Scope: tenant.

-- ItemList reads one page of a tenant's items, newest first where sort is ''; else it is name, -name, price_cents or
-- -price_cents. After… is the last row of the page before (AfterID NULL: none), of which only the sorted column is
-- looked at. Total is -1 unless asked for.
-- name: ItemList :many
SELECT sqlc.embed(items),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM items counted
             WHERE counted.tenant_id = @tenant_id
               AND (counted.name_key >= fold(sqlc.narg('q')) AND counted.name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
               AND (counted.price_cents >= sqlc.narg('min_price_cents') OR sqlc.narg('min_price_cents') IS NULL)
               AND (counted.price_cents <= sqlc.narg('max_price_cents') OR sqlc.narg('max_price_cents') IS NULL)
            ) END, -1)::bigint AS total
  FROM items
 WHERE tenant_id = @tenant_id
   AND (name_key >= fold(sqlc.narg('q')) AND name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
   AND (price_cents >= sqlc.narg('min_price_cents') OR sqlc.narg('min_price_cents') IS NULL)
   AND (price_cents <= sqlc.narg('max_price_cents') OR sqlc.narg('max_price_cents') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'name'         THEN (name_key, id)    > (sqlc.narg('after_name_key')::text,          sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-name'        THEN (name_key, id)    < (sqlc.narg('after_name_key')::text,          sqlc.narg('after_id')::uuid)
            WHEN @sort::text = 'price_cents'  THEN (price_cents, id) > (sqlc.narg('after_price_cents')::integer,    sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-price_cents' THEN (price_cents, id) < (sqlc.narg('after_price_cents')::integer,    sqlc.narg('after_id')::uuid)
            ELSE                                   (created_at, id)  < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'name'         THEN name_key    END,
          CASE WHEN @sort::text = '-name'        THEN name_key    END DESC,
          CASE WHEN @sort::text = 'price_cents'  THEN price_cents END,
          CASE WHEN @sort::text = '-price_cents' THEN price_cents END DESC,
          CASE WHEN @sort::text = ''             THEN created_at  END DESC,
          CASE WHEN @sort::text IN ('name', 'price_cents') THEN id END,
          CASE WHEN @sort::text NOT IN ('name', 'price_cents') THEN id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- ItemGet reads one item; pgx.ErrNoRows when the tenant has none of that id.
-- name: ItemGet :one
SELECT *
  FROM items
 WHERE tenant_id = @tenant_id
   AND id = @id;

-- ItemCreate makes an item.
-- name: ItemCreate :one
INSERT INTO items (tenant_id, name, description, price_cents)
VALUES (@tenant_id, @name, @description, @price_cents)
RETURNING *;

-- ItemImport makes many items at once; the slices are of equal length, and description_set says what has been given.
-- name: ItemImport :execrows
INSERT INTO items (tenant_id, name, description, price_cents)
SELECT @tenant_id,
       line.name,
       CASE WHEN line.description_set THEN line.description END,
       line.price_cents
  FROM (SELECT unnest(@name::text[])            AS name,
               unnest(@description::text[])     AS description,
               unnest(@description_set::bool[]) AS description_set,
               unnest(@price_cents::integer[])  AS price_cents
       ) AS line;

-- ItemUpdate changes an item: NULL keeps name and price_cents, and description_set says what is replaced. pgx.ErrNoRows
-- when there is no such item, or when if_match is given and holds not its version.
-- name: ItemUpdate :one
UPDATE items
   SET name        = coalesce(sqlc.narg('name'), name),
       description = CASE WHEN @description_set::bool THEN sqlc.narg('description') ELSE description END,
       price_cents = coalesce(sqlc.narg('price_cents'), price_cents)
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- ItemDelete removes an item; pgx.ErrNoRows as in ItemUpdate.
-- name: ItemDelete :one
DELETE FROM items
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;
