// Package schema is the database's shape: the migrations, embedded, and what runs them. The plain goose CLI runs the same
// files.
package schema

import (
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations is the folder of migration files.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is part of the binary
	}
	return sub
}

// Migrator runs the migrations as the owner whom url names. Two migrators at once wait for each other: each takes a lock on
// its session, so url must not lead through a pooler that shares sessions. Close the returned database after use.
func Migrator(url string) (*goose.Provider, *sql.DB, error) { return MigratorOf(Migrations(), url) }

// MigratorOf is Migrator of a folder of migration files that need not be those of this binary.
func MigratorOf(migrations fs.FS, url string) (*goose.Provider, *sql.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, nil, fmt.Errorf("DATABASE_MIGRATION_URL: %w", err)
	}
	config.ConnectTimeout = Patience
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(Settle))
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, nil, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, nil, err
	}
	return provider, db, nil
}

// Latest is the version of the newest migration in this binary.
func Latest() (int64, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return 0, err
	}
	return goose.NumericComponent(names[len(names)-1])
}
