-- Scope: tenant.

-- PortfolioItemList reads one page of a tenant's portfolio items: all, or those that are public and the caller's own, as
-- the permission reaches, newest first where sort is ''; else it is title or
-- -title. After… is the last row of the page before (AfterID NULL: none), of which only the sorted column is looked at.
-- Total is -1 unless asked for.
-- name: PortfolioItemList :many
SELECT sqlc.embed(portfolio_items),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM portfolio_items counted
             WHERE counted.tenant_id = @tenant_id
               AND ((SELECT reaches_all()) OR counted.is_public OR counted.artist_id = (SELECT my_artist()))
               AND (counted.title_key >= fold(sqlc.narg('q')) AND counted.title_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
               AND (counted.artist_id = @artist_id OR NOT @of_artist::bool)
               AND (counted.appointment_id = sqlc.narg('appointment_id') OR sqlc.narg('appointment_id') IS NULL)
               AND (counted.is_public = sqlc.narg('is_public') OR sqlc.narg('is_public') IS NULL)
            ) END, -1)::bigint AS total
  FROM portfolio_items
 WHERE tenant_id = @tenant_id
   AND ((SELECT reaches_all()) OR is_public OR artist_id = (SELECT my_artist()))
   AND (title_key >= fold(sqlc.narg('q')) AND title_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
   AND (artist_id = @artist_id OR NOT @of_artist::bool)
   AND (appointment_id = sqlc.narg('appointment_id') OR sqlc.narg('appointment_id') IS NULL)
   AND (is_public = sqlc.narg('is_public') OR sqlc.narg('is_public') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'title'  THEN (title_key, id)  > (sqlc.narg('after_title_key')::text,         sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-title' THEN (title_key, id)  < (sqlc.narg('after_title_key')::text,         sqlc.narg('after_id')::uuid)
            ELSE                             (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'title'  THEN title_key  END,
          CASE WHEN @sort::text = '-title' THEN title_key  END DESC,
          CASE WHEN @sort::text = ''       THEN created_at END DESC,
          CASE WHEN @sort::text = 'title'  THEN id END,
          CASE WHEN @sort::text <> 'title' THEN id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- PortfolioItemGet reads one portfolio item; pgx.ErrNoRows when the caller sees none of that id.
-- name: PortfolioItemGet :one
SELECT *
  FROM portfolio_items
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR is_public OR artist_id = (SELECT my_artist()));

-- PortfolioItemCreate makes a portfolio item; without color_mode, healed, is_public or is_cover it has what the table
-- says.
-- name: PortfolioItemCreate :one
INSERT INTO portfolio_items (tenant_id, artist_id, appointment_id, title, caption, image_url, style, body_area, color_mode, healed,
             is_public, is_cover)
VALUES (@tenant_id, @artist_id, @appointment_id, @title, @caption, @image_url, @style, @body_area,
        coalesce(sqlc.narg('color_mode')::text, 'color'), coalesce(sqlc.narg('healed')::bool, false),
        coalesce(sqlc.narg('is_public')::bool, false), coalesce(sqlc.narg('is_cover')::bool, false))
RETURNING *;

-- PortfolioItemUpdate changes a portfolio item: NULL keeps title, color_mode, healed, is_public and is_cover, and
-- artist_id_set, appointment_id_set, caption_set, image_url_set, style_set and body_area_set say what is replaced.
-- pgx.ErrNoRows when the caller may change none of that id, or when if_match is given and holds not its version.
-- name: PortfolioItemUpdate :one
UPDATE portfolio_items
   SET artist_id      = CASE WHEN @artist_id_set::bool THEN @artist_id ELSE artist_id END,
       appointment_id = CASE WHEN @appointment_id_set::bool THEN sqlc.narg('appointment_id') ELSE appointment_id END,
       title          = coalesce(sqlc.narg('title'), title),
       caption        = CASE WHEN @caption_set::bool THEN sqlc.narg('caption') ELSE caption END,
       image_url      = CASE WHEN @image_url_set::bool THEN sqlc.narg('image_url') ELSE image_url END,
       style          = CASE WHEN @style_set::bool THEN sqlc.narg('style') ELSE style END,
       body_area      = CASE WHEN @body_area_set::bool THEN sqlc.narg('body_area') ELSE body_area END,
       color_mode     = coalesce(sqlc.narg('color_mode'), color_mode),
       healed         = coalesce(sqlc.narg('healed'), healed),
       is_public      = coalesce(sqlc.narg('is_public'), is_public),
       is_cover       = coalesce(sqlc.narg('is_cover'), is_cover)
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- PortfolioItemDelete removes a portfolio item; pgx.ErrNoRows as in PortfolioItemUpdate.
-- name: PortfolioItemDelete :one
DELETE FROM portfolio_items
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;
