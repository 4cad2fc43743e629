-- Lists are read a page at a time, in the order of creation or of names.
CREATE INDEX keys_by_creation ON keys (created, number);
CREATE INDEX keys_by_organization ON keys (organization, created, number);
CREATE INDEX keys_by_project ON keys (project, created, number) WHERE project IS NOT NULL;
CREATE INDEX keys_by_expiry ON keys (expires) WHERE expires IS NOT NULL;
CREATE INDEX organizations_by_creation ON organizations (created, number);
CREATE INDEX projects_by_creation ON projects (created, number);
CREATE INDEX members_by_names ON members (organization, user_id);
CREATE INDEX sessions_by_creation ON sessions (created, number);
CREATE INDEX secrets_by_creation ON secrets (created, number);
CREATE INDEX secrets_by_organization ON secrets (organization, created, number);

DROP INDEX members_by_organization;
