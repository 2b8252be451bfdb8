UPDATE sessions
SET ended_at_ms = ?2
WHERE id = ?1 AND ended_at_ms IS NULL
RETURNING id, tenant
