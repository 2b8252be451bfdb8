SELECT id, tenant, project_id, role, created_by, created_at_ms, expires_at_ms, accepted_by, accepted_at_ms
FROM invitations WHERE id = ?1
