-- +goose Up
-- Who may do what: the grid of primary roles. Only a migration writes it; each resource's migration adds its own rows.
CREATE TABLE permissions (
    name      text    NOT NULL,
    admin     text,
    assistant text,
    artist    text,
    member    text,
    staff     text,
    ownable   boolean NOT NULL DEFAULT false,
    CONSTRAINT permissions_pkey            PRIMARY KEY (name),
    CONSTRAINT permissions_admin_check     CHECK (admin     IN ('any', 'own')),
    CONSTRAINT permissions_assistant_check CHECK (assistant IN ('any', 'own')),
    CONSTRAINT permissions_artist_check    CHECK (artist    IN ('any', 'own')),
    CONSTRAINT permissions_member_check    CHECK (member    IN ('any', 'own')),
    CONSTRAINT permissions_staff_check     CHECK (staff = 'any'),
    CONSTRAINT permissions_ownable_check   CHECK (ownable OR 'own' NOT IN (coalesce(admin, ''), coalesce(assistant, ''), coalesce(artist, ''), coalesce(member, '')))
);
COMMENT ON TABLE  permissions         IS 'The reach with which each primary role holds each permission: any row of the tenant, one''s own rows, or (NULL) not at all.';
COMMENT ON COLUMN permissions.staff   IS 'What a visitor of the operator''s staff may do in a tenant whose user it is not; a superuser may do everything.';
COMMENT ON COLUMN permissions.ownable IS 'Whether its rows have owners, so that reach own means something: its queries then look at reaches_all(). Elsewhere own is nothing.';

GRANT SELECT ON permissions TO rowhouse_app;

-- +goose Down
DROP TABLE permissions;
