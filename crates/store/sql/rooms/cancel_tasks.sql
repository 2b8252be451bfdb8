-- Cancels the live tasks among ?1 (a JSON list of ids) of project ?2.
UPDATE tasks
SET
    state = 'CANCELLED',
    phase = NULL,
    version = version + 1,
    lease_expires_at_ms = NULL,
    next_action_at_ms = NULL,
    unserved_since_ms = NULL,
    ended_at_ms = ?3
WHERE
    id IN (SELECT value FROM json_each(?1))
    AND project_id = ?2
    AND state IN ('WAITING', 'PROCESSING')
RETURNING id
