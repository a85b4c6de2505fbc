-- +goose Up
-- Who may do what: the grid of primary roles. Only a migration writes it; each resource's migration adds its own rows.
CREATE TABLE permissions (
    name      text NOT NULL,
    admin     text,
    assistant text,
    artist    text,
    member    text,
    CONSTRAINT permissions_pkey            PRIMARY KEY (name),
    CONSTRAINT permissions_admin_check     CHECK (admin     IN ('any', 'own')),
    CONSTRAINT permissions_assistant_check CHECK (assistant IN ('any', 'own')),
    CONSTRAINT permissions_artist_check    CHECK (artist    IN ('any', 'own')),
    CONSTRAINT permissions_member_check    CHECK (member    IN ('any', 'own'))
);
COMMENT ON TABLE permissions IS 'The reach with which each primary role holds each permission: any row of the tenant, one''s own rows, or (NULL) not at all.';

INSERT INTO permissions (name, admin, assistant, artist, member)
VALUES ('tenant:read', 'any', 'any', 'any', 'any');

GRANT SELECT ON permissions TO rowhouse_app, rowhouse_login;

-- +goose Down
DROP TABLE permissions;
