-- Moves whenever somebody of a tenant may have lost or changed rights, so that rooms can tell which
-- sessions to look at again. Triggers see to it that no way of taking rights is forgotten.
CREATE TABLE access_versions (
    tenant TEXT PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID
--;;
CREATE TRIGGER access_of_changed_project_member AFTER UPDATE OF role ON project_members
WHEN new.role <> old.role
BEGIN
    INSERT INTO access_versions (tenant, version)
    SELECT tenant, 1 FROM projects WHERE id = new.project_id
    ON CONFLICT (tenant) DO UPDATE SET version = version + 1;
END
--;;
-- The rows of a deleted project go with it; its rooms notice that it is gone.
CREATE TRIGGER access_of_lost_project_member AFTER DELETE ON project_members
BEGIN
    INSERT INTO access_versions (tenant, version)
    SELECT tenant, 1 FROM projects WHERE id = old.project_id
    ON CONFLICT (tenant) DO UPDATE SET version = version + 1;
END
--;;
CREATE TRIGGER access_of_new_revocation AFTER INSERT ON revocations
BEGIN
    INSERT INTO access_versions (tenant, version) VALUES (new.tenant, 1)
    ON CONFLICT (tenant) DO UPDATE SET version = version + 1;
END
--;;
CREATE TRIGGER access_of_prolonged_revocation AFTER UPDATE ON revocations
BEGIN
    INSERT INTO access_versions (tenant, version) VALUES (new.tenant, 1)
    ON CONFLICT (tenant) DO UPDATE SET version = version + 1;
END
