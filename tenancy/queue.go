package tenancy

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	schema "rowhouse/sql"
	"rowhouse/telemetry"
)

// queueConnections are enough for what the queue itself does: to fetch, to finish, to plan. What jobs do goes through the doors.
const queueConnections = 4

// queueConnectTimeout is how long one host of the url may say nothing, until the next is asked. All there may be would otherwise wait for minutes for
// a primary that is gone, while its standby has been promoted.
const queueConnectTimeout = 2 * time.Second

// OpenQueue makes a pool for the queue of jobs, of the login of url. Its connections have the role rowhouse_worker, which reaches the schema river and no
// table of tenants or accounts: what is done for them goes through the doors. It is a pool of its own, in sessions that last: not for behind a pooler that
// shares them. Telemetry sees it as the pool "queue".
func OpenQueue(ctx context.Context, url string, t *telemetry.Telemetry) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	config.MinConns, config.MaxConns = 0, queueConnections
	config.ConnConfig.ConnectTimeout = queueConnectTimeout
	config.ConnConfig.RuntimeParams["application_name"] = "rowhouse worker"
	conn, err := schema.Connect(ctx, "DATABASE_URL", config.ConnConfig, true)
	if err != nil {
		return nil, err
	}
	if err := conn.Close(ctx); err != nil {
		return nil, err
	}
	config.AfterConnect = schema.SettleWorker
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	t.Pool("queue", stateOf(pool))
	return pool, nil
}
