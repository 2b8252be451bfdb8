-- No more than there are slots.
SELECT kind, phase, count(*) AS working, min(next_action_at_ms) AS next_action_at_ms
FROM tasks
WHERE state = 'PROCESSING' AND (?1 IS NULL OR tenant = ?1)
GROUP BY kind, phase
ORDER BY kind, phase
