SELECT seq, tenant, sub, role, action, object, project_id, status, request_id, at_ms
FROM audit_entries
WHERE tenant = ?1
  AND (?2 IS NULL OR seq < ?2)
  AND (?3 IS NULL OR sub = ?3)
  AND (?4 IS NULL OR project_id = ?4)
ORDER BY seq DESC
LIMIT ?5
