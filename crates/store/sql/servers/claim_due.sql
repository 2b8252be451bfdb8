UPDATE servers SET next_check_at_ms = ?2
WHERE id IN (SELECT id FROM servers WHERE next_check_at_ms <= ?1 ORDER BY next_check_at_ms LIMIT ?3)
RETURNING *
