-- Scope: tenant.

-- SettingsGet reads what a tenant has set, as one object of values by key; null is of what it has set back.
-- name: SettingsGet :one
SELECT coalesce(jsonb_object_agg(settings.key, settings.value), '{}')::jsonb AS given
  FROM settings
 WHERE settings.tenant_id = @tenant_id;

-- SettingsUpdate sets the keys of an object to its values, and returns what SettingsGet then would.
-- name: SettingsUpdate :one
WITH changed AS (
    INSERT INTO settings (tenant_id, key, value)
    SELECT @tenant_id, change.key, change.value
      FROM jsonb_each(@changes::jsonb) AS change (key, value)
        ON CONFLICT (tenant_id, key) DO UPDATE SET value = EXCLUDED.value
)
SELECT (coalesce(jsonb_object_agg(settings.key, settings.value), '{}') || @changes::jsonb)::jsonb AS given
  FROM settings
 WHERE settings.tenant_id = @tenant_id;
