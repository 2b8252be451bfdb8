SELECT
    EXISTS (
        SELECT 1 FROM tasks
        WHERE (next_action_at_ms <= ?1 OR next_action_at_ms > ?2) AND state = 'WAITING'
    ) AS waiting,
    EXISTS (
        SELECT 1 FROM tasks
        WHERE (next_action_at_ms <= ?1 OR next_action_at_ms > ?3) AND state = 'PROCESSING'
    ) AS processing
