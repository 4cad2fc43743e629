-- The first key of the chain of rotations that a key stands in. A key that replaces none is the first of its chain
-- and has no row here. Requests are counted by this, so that rotating a key resets nothing.
--
-- It is no column of `keys`: an older program that has the file open reads that table with all of its columns, and
-- fails when there is suddenly one more. What such a program rotates counts as the first of a chain.
CREATE TABLE lineages (
    id      TEXT NOT NULL PRIMARY KEY REFERENCES keys (id),
    lineage TEXT NOT NULL
) STRICT, WITHOUT ROWID;

WITH RECURSIVE chains (id, lineage) AS (
    SELECT id, id FROM keys WHERE rotated_from IS NULL
    UNION ALL
    SELECT keys.id, chains.lineage FROM keys JOIN chains ON keys.rotated_from = chains.id
)
INSERT INTO lineages SELECT id, lineage FROM chains WHERE id <> lineage;
