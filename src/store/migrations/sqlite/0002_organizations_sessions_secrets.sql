-- As with keys, one row holds one record whole, lists stand with single spaces between, and times are
-- milliseconds since 1970-01-01T00:00:00Z.
--
-- The table `changes` tells of all of them from now on: its column `hash` holds the mark of what has changed.
-- It keeps its name, so that an older program can go on reading it while programs are upgraded one by one.
CREATE TABLE organizations (
    number       INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    apis         TEXT    NOT NULL,
    plan         TEXT,
    entitlements TEXT    NOT NULL,
    suspended    INTEGER,
    created      INTEGER NOT NULL
) STRICT;

CREATE TABLE projects (
    number       INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    apis         TEXT    NOT NULL,
    organization TEXT    NOT NULL REFERENCES organizations (id),
    created      INTEGER NOT NULL
) STRICT;

CREATE INDEX projects_by_organization ON projects (organization);

CREATE TABLE members (
    number       INTEGER PRIMARY KEY,
    user_id      TEXT    NOT NULL,
    organization TEXT    NOT NULL REFERENCES organizations (id),
    apis         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    UNIQUE (user_id, organization)
) STRICT;

CREATE INDEX members_by_organization ON members (organization);

-- `memberships` is a JSON list of {"organization": …, "scopes": […]}; `idle` is in milliseconds.
CREATE TABLE sessions (
    number      INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    hash        BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    apis        TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    memberships TEXT    NOT NULL,
    scopes      TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    idle        INTEGER,
    used        INTEGER NOT NULL,
    ended       INTEGER
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id);

-- `sealed` is the secret under the sealing key named beside it.
CREATE TABLE secrets (
    number       INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    api          TEXT    NOT NULL,
    organization TEXT    NOT NULL,
    project      TEXT    NOT NULL,
    sealing_key  TEXT    NOT NULL,
    sealed       BLOB    NOT NULL,
    created      INTEGER NOT NULL,
    expires      INTEGER,
    revoked      INTEGER,
    rotated_from TEXT    UNIQUE REFERENCES secrets (id)
) STRICT;

CREATE INDEX secrets_by_project ON secrets (project, api);
