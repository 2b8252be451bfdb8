-- Of tenant ?1, or of all.
SELECT
    kind,
    count(*) AS waiting,
    min(created_at_ms) AS oldest_at_ms,
    min(next_action_at_ms) AS next_action_at_ms
FROM tasks
WHERE state = 'WAITING' AND (?1 IS NULL OR tenant = ?1)
GROUP BY kind
ORDER BY kind
