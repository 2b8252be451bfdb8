UPDATE sessions
SET ended_at_ms = ?3
WHERE account_id = ?1 AND id <> ?2 AND ended_at_ms IS NULL
RETURNING id, tenant
