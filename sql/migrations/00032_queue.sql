-- +goose Up
-- The tables of the queue, as version 8 of riverqueue.com wants them: a test compares them with those that its own migrations make. They stand in a
-- schema of their own and hold ids alone; the role rowhouse_worker reaches them and nothing of tenants.
CREATE SCHEMA river;
GRANT USAGE ON SCHEMA river TO rowhouse_worker;

CREATE TYPE river.river_job_state AS ENUM ('available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');

-- +goose StatementBegin
CREATE FUNCTION river.river_job_state_in_bitmask(bitmask bit(8), state river.river_job_state) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT get_bit(bitmask, 8 - array_position(ARRAY['available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled'], state::text)) = 1;
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION river.river_job_state_in_bitmask(bit, river.river_job_state) IS 'Whether a set of states, the last bit for the first of them, has this one.';

CREATE TABLE river.river_job (
    id            bigserial             NOT NULL,
    state         river.river_job_state NOT NULL DEFAULT 'available',
    attempt       smallint              NOT NULL DEFAULT 0,
    max_attempts  smallint              NOT NULL DEFAULT 25,
    attempted_at  timestamptz,
    created_at    timestamptz           NOT NULL DEFAULT now(),
    finalized_at  timestamptz,
    scheduled_at  timestamptz           NOT NULL DEFAULT now(),
    priority      smallint              NOT NULL DEFAULT 1,
    args          jsonb                 NOT NULL,
    attempted_by  text[],
    errors        jsonb[],
    kind          text                  NOT NULL,
    metadata      jsonb                 NOT NULL DEFAULT '{}',
    queue         text                  NOT NULL DEFAULT 'default',
    tags          varchar(255)[]        NOT NULL DEFAULT '{}',
    unique_key    bytea,
    unique_states bit(8),
    CONSTRAINT river_job_pkey                 PRIMARY KEY (id),
    CONSTRAINT finalized_or_finalized_at_null CHECK ((finalized_at IS NULL AND state NOT IN ('cancelled', 'completed', 'discarded'))
                                                  OR (finalized_at IS NOT NULL AND state IN ('cancelled', 'completed', 'discarded'))),
    CONSTRAINT kind_length                    CHECK (char_length(kind) > 0 AND char_length(kind) < 128),
    CONSTRAINT max_attempts_is_positive       CHECK (max_attempts > 0),
    CONSTRAINT priority_in_range              CHECK (priority >= 1 AND priority <= 4),
    CONSTRAINT queue_length                   CHECK (char_length(queue) > 0 AND char_length(queue) < 128)
);
CREATE INDEX river_job_args_index                   ON river.river_job USING gin (args);
CREATE INDEX river_job_kind                         ON river.river_job (kind);
CREATE INDEX river_job_metadata_index               ON river.river_job USING gin (metadata);
CREATE INDEX river_job_prioritized_fetching_index   ON river.river_job (state, queue, priority, scheduled_at, id);
CREATE INDEX river_job_state_and_finalized_at_index ON river.river_job (state, finalized_at) WHERE finalized_at IS NOT NULL;
CREATE UNIQUE INDEX river_job_unique_idx            ON river.river_job (unique_key)
    WHERE unique_key IS NOT NULL
      AND unique_states IS NOT NULL
      AND river.river_job_state_in_bitmask(unique_states, state);

CREATE UNLOGGED TABLE river.river_leader (
    elected_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    leader_id  text        NOT NULL,
    name       text        NOT NULL DEFAULT 'default',
    CONSTRAINT river_leader_pkey PRIMARY KEY (name),
    CONSTRAINT leader_id_length  CHECK (char_length(leader_id) > 0 AND char_length(leader_id) < 128),
    CONSTRAINT name_length       CHECK (name = 'default')
);

CREATE TABLE river.river_queue (
    name       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    metadata   jsonb       NOT NULL DEFAULT '{}',
    paused_at  timestamptz,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT river_queue_pkey PRIMARY KEY (name)
);

CREATE TABLE river.river_notification (
    id         bigserial   NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    payload    text        NOT NULL,
    topic      text        NOT NULL,
    CONSTRAINT river_notification_pkey PRIMARY KEY (id),
    CONSTRAINT topic_length            CHECK (length(topic) > 0 AND length(topic) < 128)
);
CREATE INDEX river_notification_created_at_idx ON river.river_notification (created_at);
CREATE INDEX river_notification_topic_id_idx   ON river.river_notification (topic, id);

-- Which of its migrations these tables stand for, for river's own command line.
CREATE TABLE river.river_migration (
    line       text        NOT NULL,
    version    bigint      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT river_migration_pkey PRIMARY KEY (line, version),
    CONSTRAINT line_length          CHECK (char_length(line) > 0 AND char_length(line) < 128),
    CONSTRAINT version_gte_1        CHECK (version >= 1)
);
INSERT INTO river.river_migration (line, version)
SELECT 'main', version
  FROM generate_series(1, 8) AS version;

GRANT SELECT, INSERT, UPDATE, DELETE ON river.river_job, river.river_leader, river.river_queue, river.river_notification TO rowhouse_worker;
GRANT SELECT ON river.river_migration TO rowhouse_worker;
GRANT USAGE, SELECT ON SEQUENCE river.river_job_id_seq, river.river_notification_id_seq TO rowhouse_worker;
REVOKE EXECUTE ON FUNCTION river.river_job_state_in_bitmask(bit, river.river_job_state) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION river.river_job_state_in_bitmask(bit, river.river_job_state) TO rowhouse_worker;

-- +goose Down
DROP TABLE river.river_migration;
DROP TABLE river.river_notification;
DROP TABLE river.river_queue;
DROP TABLE river.river_leader;
DROP TABLE river.river_job;
DROP FUNCTION river.river_job_state_in_bitmask(bit, river.river_job_state);
DROP TYPE river.river_job_state;
DROP SCHEMA river;
