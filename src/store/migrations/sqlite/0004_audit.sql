-- What was changed, by whom: a row for each record that a change concerns, written within its own transaction.
-- `apis` stands with single spaces between; `before` and `after` are JSON without hashes and secrets.
CREATE TABLE audit (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    origin       TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    organization TEXT,
    apis         TEXT    NOT NULL,
    before       TEXT,
    after        TEXT
) STRICT;

CREATE INDEX audit_by_record ON audit (id, kind);
CREATE INDEX audit_by_organization ON audit (organization);
CREATE INDEX audit_by_actor ON audit (actor);

CREATE TRIGGER audit_is_not_altered BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is not altered');
END;

CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is not altered');
END;

-- `INSERT OR REPLACE` removes without a DELETE.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is not altered');
END;
