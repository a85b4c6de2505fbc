-- +goose Up
-- A client is reminded of an appointment on the day before, at nine o'clock where the tenant is.

-- +goose StatementBegin
CREATE FUNCTION reminder_at(starts_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN ((reminder_at.starts_at AT TIME ZONE tenant_zone())::date::timestamp - interval '15 hours') AT TIME ZONE tenant_zone();
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reminder_at(timestamptz) IS 'When somebody is reminded of what begins at a time.';

-- +goose StatementBegin
CREATE FUNCTION reminds() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce((SELECT s.value #>> '{}'
                       FROM settings s
                      WHERE s.tenant_id = current_tenant()
                        AND s.key = 'reminders'), 'true') = 'true';
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reminds() IS 'Whether the clients of the bound tenant are reminded of their appointments.';

-- +goose StatementBegin
CREATE FUNCTION plan_reminder() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After an appointment is made, or moved: plans the reminder, unless its time is past or it is planned for that time already. One that was planned
-- for another time finds, when that comes, that it is not wanted.
BEGIN
    INSERT INTO jobs (tenant_id, kind, subject_type, subject_id, due_at)
    SELECT NEW.tenant_id, 'appointment.remind', 'appointment', NEW.id, reminder_at(NEW.starts_at)
     WHERE reminder_at(NEW.starts_at) > now()
       AND NOT EXISTS (
           SELECT FROM jobs j
            WHERE j.tenant_id = NEW.tenant_id
              AND j.subject_id = NEW.id
              AND j.kind = 'appointment.remind'
              AND j.due_at = reminder_at(NEW.starts_at)
              AND j.finished_at IS NULL);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION plan_reminder() IS 'Plans the reminder of an appointment.';

REVOKE EXECUTE ON FUNCTION reminder_at(timestamptz), reminds(), plan_reminder() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reminder_at(timestamptz), reminds() TO rowhouse_app;

CREATE TRIGGER plan_reminder_insert AFTER INSERT ON appointments FOR EACH ROW
    WHEN (NEW.status IN ('scheduled', 'on_hold'))
    EXECUTE FUNCTION plan_reminder();
CREATE TRIGGER plan_reminder_update AFTER UPDATE OF starts_at ON appointments FOR EACH ROW
    WHEN (NEW.starts_at <> OLD.starts_at AND NEW.status IN ('scheduled', 'on_hold'))
    EXECUTE FUNCTION plan_reminder();

-- +goose Down
DROP TRIGGER plan_reminder_update ON appointments;
DROP TRIGGER plan_reminder_insert ON appointments;
DROP FUNCTION plan_reminder();
DROP FUNCTION reminds();
DROP FUNCTION reminder_at(timestamptz);
