UPDATE invitations SET accepted_by = ?2, accepted_at_ms = ?3
WHERE secret_hash = ?1 AND accepted_by IS NULL AND expires_at_ms > ?3
RETURNING id, tenant, project_id, role, created_by, created_at_ms, expires_at_ms, accepted_by, accepted_at_ms
