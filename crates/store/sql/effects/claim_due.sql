UPDATE effects SET tries = tries + 1, next_action_at_ms = ?3
WHERE id IN (
    SELECT id FROM effects WHERE next_action_at_ms <= ?1 OR next_action_at_ms > ?2
    ORDER BY next_action_at_ms LIMIT ?4
)
RETURNING *
