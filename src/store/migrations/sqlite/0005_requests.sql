-- What requests made that may be sent again: asked once more within a day, they are answered with it.
CREATE TABLE requests (
    actor  TEXT    NOT NULL,
    id     TEXT    NOT NULL,
    digest BLOB    NOT NULL CHECK (length(digest) = 32),
    kind   TEXT    NOT NULL,
    made   TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (actor, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_by_age ON requests (at);
