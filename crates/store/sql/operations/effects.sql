-- An effect is as old as the end of its task; ids rise.
SELECT
    count(*) AS waiting,
    min(next_action_at_ms) AS next_action_at_ms,
    (
        SELECT ended_at_ms FROM tasks
        WHERE id = (SELECT task_id FROM effects ORDER BY id LIMIT 1)
    ) AS oldest_at_ms
FROM effects
