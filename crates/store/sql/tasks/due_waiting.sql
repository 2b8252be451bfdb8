-- The oldest of each kind, so that a crowd of one kind does not hide the others.
SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY next_action_at_ms, created_at_ms, id) AS place
    FROM tasks
    WHERE state = 'WAITING' AND (next_action_at_ms <= ?1 OR next_action_at_ms > ?2)
)
WHERE place <= ?3
ORDER BY next_action_at_ms, created_at_ms, id
