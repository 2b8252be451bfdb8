SELECT
    EXISTS (SELECT 1 FROM tasks WHERE state = 'WAITING' AND next_action_at_ms <= ?1) AS waiting,
    EXISTS (SELECT 1 FROM tasks WHERE state = 'PROCESSING' AND next_action_at_ms <= ?1) AS processing
