-- The servers that answer Checks from what they remember of this store, and up to which version of `changes` they know
-- it. One counts until `until`, after which it remembers nothing any more that it has not read again. Times are
-- milliseconds since 1970-01-01T00:00:00Z by the clock of the database.
CREATE TABLE replicas (
    id      TEXT    NOT NULL PRIMARY KEY,
    reached INTEGER NOT NULL,
    seen    INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A row says that this store is the target of a copy that is not whole, and which state of the source it is of.
CREATE TABLE copies (
    state BLOB NOT NULL
) STRICT;
