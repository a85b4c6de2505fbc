// Command floor is the baseline that rowhouse is measured against: the least that gin and pgx make of the table of items. It knows no
// caller, no row-level security, no audit and no limits. Never serve with it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofrs/uuid/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	columns = `tenant_id, id, name, description, price_cents, version, created_at, updated_at`

	itemGet = `SELECT ` + columns + ` FROM items WHERE tenant_id = $1 AND id = $2`

	itemList = `SELECT ` + columns + ` FROM items WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3`

	itemCreate = `INSERT INTO items (tenant_id, id, name, description, price_cents) VALUES ($1, $2, $3, $4, $5) RETURNING ` + columns

	itemUpdate = `UPDATE items
		   SET name = coalesce($3, name), description = coalesce($4, description), price_cents = coalesce($5, price_cents), version = version + 1, updated_at = now()
		 WHERE tenant_id = $1 AND id = $2
		RETURNING ` + columns

	// The same with an audit event of what the row became.
	audited = `WITH changed AS (%s), event AS (
			INSERT INTO audit_events (tenant_id, id, action, entity_type, entity_id, after, request_id, address)
			SELECT tenant_id, $6, $7, 'item', id, jsonb_build_object('name', name, 'description', description, 'price_cents', price_cents), $8, $9 FROM changed)
		SELECT ` + columns + ` FROM changed`
)

type item struct {
	TenantID    pgtype.UUID `json:"tenant_id"`
	ID          pgtype.UUID `json:"id"`
	Name        string      `json:"name"`
	Description *string     `json:"description"`
	PriceCents  int32       `json:"price_cents"`
	Version     int64       `json:"version"`
	CreatedAt   time.Time   `json:"created_at"`
	UpdatedAt   time.Time   `json:"updated_at"`
}

type input struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
	PriceCents  *int32  `json:"price_cents"`
}

type answer struct {
	Success bool   `json:"success"`
	Title   string `json:"title"`
	Content any    `json:"content"`
}

func main() {
	address := flag.String("address", "localhost:8090", "where to listen")
	database := flag.String("database", "", "a PostgreSQL URL")
	audit := flag.Bool("audit", false, "write an audit event in each statement that changes")
	flag.Parse()
	if err := serve(*address, *database, *audit); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func serve(address, database string, audit bool) error {
	pool, err := pgxpool.New(context.Background(), database)
	if err != nil {
		return err
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	one := func(c *gin.Context, title, sql string, args ...any) {
		rows, _ := pool.Query(c.Request.Context(), sql, args...) // its error comes again with the rows
		found, err := pgx.CollectExactlyOneRow(rows, scan)
		respond(c, title, gin.H{"item": found}, err)
	}
	write := func(c *gin.Context, title, action, sql, id string) {
		var in input
		if err := json.NewDecoder(c.Request.Body).Decode(&in); err != nil {
			respond(c, title, nil, err)
			return
		}
		args := []any{c.GetHeader("X-Tenant-Id"), id, in.Name, in.Description, in.PriceCents}
		if audit {
			sql = fmt.Sprintf(audited, sql)
			args = append(args, uuid.Must(uuid.NewV7()).String(), action, c.GetHeader("X-Request-Id"), c.ClientIP())
		}
		one(c, title, sql, args...)
	}
	engine.GET("/api/v1/items/:id", func(c *gin.Context) {
		one(c, "Item retrieved", itemGet, c.GetHeader("X-Tenant-Id"), c.Param("id"))
	})
	engine.GET("/api/v1/items", func(c *gin.Context) {
		page, _ := strconv.Atoi(c.DefaultQuery("page", "1"))
		rows, _ := pool.Query(c.Request.Context(), itemList, c.GetHeader("X-Tenant-Id"), 50, 50*(page-1))
		found, err := pgx.CollectRows(rows, scan)
		respond(c, "Items retrieved", found, err)
	})
	engine.POST("/api/v1/items", func(c *gin.Context) {
		write(c, "Item created", "item.create", itemCreate, uuid.Must(uuid.NewV7()).String())
	})
	engine.PATCH("/api/v1/items/:id", func(c *gin.Context) {
		write(c, "Item updated", "item.update", itemUpdate, c.Param("id"))
	})
	return http.ListenAndServe(address, engine)
}

func scan(row pgx.CollectableRow) (i item, err error) {
	err = row.Scan(&i.TenantID, &i.ID, &i.Name, &i.Description, &i.PriceCents, &i.Version, &i.CreatedAt, &i.UpdatedAt)
	return i, err
}

func respond(c *gin.Context, title string, content any, err error) {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		c.JSON(http.StatusNotFound, answer{false, "Not found", nil})
	case err != nil:
		c.JSON(http.StatusInternalServerError, answer{false, err.Error(), nil})
	default:
		c.JSON(http.StatusOK, answer{true, title, content})
	}
}
