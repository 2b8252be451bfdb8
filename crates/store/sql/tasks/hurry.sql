-- The provider says that there is news: ask at once.
UPDATE tasks SET next_action_at_ms = min(next_action_at_ms, ?2)
WHERE id = ?1 AND state = 'PROCESSING' AND phase = 'running'
RETURNING id
