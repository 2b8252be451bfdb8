UPDATE effects SET tries = tries + 1, next_action_at_ms = ?2
WHERE id IN (SELECT id FROM effects WHERE next_action_at_ms <= ?1 ORDER BY next_action_at_ms LIMIT ?3)
RETURNING *
