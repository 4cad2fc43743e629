-- The labels of keys. They are no column of `keys`, as lineages are none: see 0003.
CREATE TABLE labels (
    id    TEXT NOT NULL REFERENCES keys (id),
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX labels_by_name ON labels (name, value);
