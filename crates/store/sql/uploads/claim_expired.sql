-- Nobody writes to them from here on.
UPDATE uploads SET writer = NULL
WHERE id IN (SELECT id FROM uploads WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT ?2)
RETURNING *
