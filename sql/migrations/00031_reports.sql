-- +goose Up
-- What reports are made with.

-- +goose StatementBegin
CREATE FUNCTION day_begins(day date) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
-- Midnight may be there twice, when the clocks go back, or not at all: the first moment of the day counts. Of two midnights PostgreSQL takes the
-- second, so it is looked for before that one too; clocks change by quarters of an hour.
    SELECT coalesce(min(moment), midnight.moment_of)
      FROM (SELECT day::timestamp AT TIME ZONE tenant_zone() AS moment_of) AS midnight
      LEFT JOIN generate_series(midnight.moment_of - interval '3 hours', midnight.moment_of, interval '15 minutes') AS moment
        ON (moment AT TIME ZONE tenant_zone())::date = day
     GROUP BY midnight.moment_of;
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION day_begins(date) IS 'The first moment of a day in the time zone of the bound tenant.';

-- +goose StatementBegin
CREATE FUNCTION report_within(limited boolean) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT limited AND reaches_all() AND NOT holds('reports:read') THEN
        RAISE EXCEPTION 'holds reports:limited alone' USING ERRCODE = 'RHPER';
    END IF;
    RETURN true;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION report_within(boolean) IS 'True, of a report that is totals of days alone or of one''s own, or of whoever may see any. RHPER: refused.';

REVOKE EXECUTE ON FUNCTION day_begins(date), report_within(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION day_begins(date), report_within(boolean) TO rowhouse_app;

-- +goose Down
DROP FUNCTION report_within(boolean);
DROP FUNCTION day_begins(date);
