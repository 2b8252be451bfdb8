SELECT sub, role, created_at_ms FROM tenant_members
WHERE tenant = ?1 AND (?2 IS NULL OR (created_at_ms, sub) > (?2, ?3))
ORDER BY created_at_ms, sub
LIMIT ?4
