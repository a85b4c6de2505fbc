package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The two logins of a database that CreateDatabase makes.
const (
	Owner  = "rowhouse_owner"  // runs the migrations and owns the tables
	Server = "rowhouse_server" // what DATABASE_URL names: it owns nothing and cannot bypass a wall
)

// CreateDatabase makes a database with its logins where they are missing, as a superuser of a server of one's own. Both log
// in without a password: on a shared server, an operator makes them instead, with logins.sql.
func CreateDatabase(ctx context.Context, superuser *pgx.Conn, name string) error {
	for _, statement := range []string{
		"CREATE ROLE " + Owner + " LOGIN CREATEROLE",
		"CREATE ROLE " + Server + " LOGIN",
		"GRANT SET ON PARAMETER session_replication_role TO " + Owner, // for which see restore_rows
		"CREATE DATABASE " + pgx.Identifier{name}.Sanitize() + " OWNER " + Owner,
	} {
		var said *pgconn.PgError
		if _, err := superuser.Exec(ctx, statement); errors.As(err, &said) && slices.Contains([]string{"42710", "42P04", "23505", "XX000"}, said.Code) {
			continue // it exists: a role, a database, or either since a moment ago; or another has just granted the same
		} else if err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Grant lets a login serve, once the migrations have made the roles: as the owner, who made them, or as a superuser.
func Grant(ctx context.Context, conn *pgx.Conn, login string) error {
	_, err := conn.Exec(ctx, "GRANT rowhouse_app, rowhouse_gate TO "+pgx.Identifier{login}.Sanitize())
	return err
}

// GrantServer lets the login Server serve, and bounds what it may hold up.
func GrantServer(ctx context.Context, superuser *pgx.Conn) error {
	if err := Grant(ctx, superuser, Server); err != nil {
		return err
	}
	_, err := superuser.Exec(ctx, `
		ALTER ROLE `+Server+` SET statement_timeout = '3s';
		ALTER ROLE `+Server+` SET lock_timeout = '2s';
		ALTER ROLE `+Server+` SET idle_in_transaction_session_timeout = '10s'`)
	return err
}

// Up applies the migrations that the database does not have, as its owner.
func Up(ctx context.Context, url string) error {
	owner, err := ConnectOwner(ctx, url)
	if err != nil {
		return err
	}
	defer owner.Close(context.WithoutCancel(ctx))
	migrator, db, err := Migrator(url)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = migrator.Up(ctx)
	return err
}
