-- One row holds one key whole, so that a look-up reads one row of one table.
--
-- Lists (`apis`, `scopes`, `sources`) stand with single spaces between: none of their elements can hold one.
-- Times are milliseconds since 1970-01-01T00:00:00Z.
CREATE TABLE keys (
    number       INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    apis         TEXT    NOT NULL,
    organization TEXT    NOT NULL,
    project      TEXT,
    environment  TEXT,
    scopes       TEXT    NOT NULL,
    plan         TEXT,
    sources      TEXT    NOT NULL,
    created      INTEGER NOT NULL,
    expires      INTEGER,
    revoked      INTEGER,
    rotated_from TEXT    UNIQUE REFERENCES keys (id)
) STRICT;

-- What happened, in the order in which it was committed. Each change writes its row within its own
-- transaction; SQLite has one writer at a time, so versions grow in commit order.
CREATE TABLE changes (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    hash    BLOB    NOT NULL
) STRICT;
