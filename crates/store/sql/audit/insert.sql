INSERT INTO audit_entries (tenant, sub, role, action, object, project_id, status, request_id, at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
