-- The server has just registered again: ask it at once about what it works on. Submissions have
-- whoever makes them.
UPDATE tasks SET next_action_at_ms = min(next_action_at_ms, ?2)
WHERE server_id = ?1 AND state = 'PROCESSING' AND phase = 'running'
