SELECT id, tenant, name, created_by, created_at_ms
FROM projects
WHERE tenant = ?1 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2)))
ORDER BY created_at_ms, id
LIMIT ?3
