UPDATE servers SET next_check_at_ms = ?3
WHERE id IN (
    SELECT id FROM servers
    WHERE (interface IN ('tasks', 'predict') AND next_check_at_ms <= ?1)
       OR (interface IN ('tasks', 'predict') AND next_check_at_ms > ?2)
    ORDER BY next_check_at_ms LIMIT ?4
)
RETURNING *
