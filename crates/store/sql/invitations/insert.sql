INSERT INTO invitations
    (id, secret_hash, tenant, project_id, role, created_by, created_at_ms, expires_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
