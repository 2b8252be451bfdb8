SELECT id, name, created_at_ms FROM tenants
WHERE (?1 IS NULL OR (created_at_ms, id) > (?1, ?2))
ORDER BY created_at_ms, id
LIMIT ?3
