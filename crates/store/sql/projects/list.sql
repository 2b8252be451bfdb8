SELECT id, tenant, name, created_by, created_at_ms
FROM projects
WHERE tenant = ?1
  AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2)))
  AND (?3 IS NULL OR id IN (SELECT project_id FROM project_members WHERE sub = ?3))
  AND (?4 IS NULL OR (created_at_ms, id) > (?4, ?5))
ORDER BY created_at_ms, id
LIMIT ?6
