INSERT INTO uploads (
    id, kind, project_id, tenant, created_by, length, metadata, sha256, created_at_ms, expires_at_ms
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
