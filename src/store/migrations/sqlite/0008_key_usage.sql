-- When keys were last used, and how often. No column of `keys`, as lineages are none (see 0003), and told to nobody: no
-- row of `changes` is written with it. A key that has no row was not used since this table is there.
CREATE TABLE key_usage (
    id   TEXT    NOT NULL PRIMARY KEY REFERENCES keys (id),
    used INTEGER NOT NULL,
    uses INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
