SELECT id, tenant, project_id, role, created_by, created_at_ms, expires_at_ms, accepted_by, accepted_at_ms
FROM invitations
WHERE tenant = ?1
  AND (?2 IS NULL OR project_id = ?2)
  AND (?3 IS NULL OR (created_at_ms, id) > (?3, ?4))
ORDER BY created_at_ms, id
LIMIT ?5
