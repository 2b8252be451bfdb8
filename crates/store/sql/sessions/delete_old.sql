DELETE FROM sessions
WHERE id IN (SELECT id FROM sessions WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT 100)
