UPDATE tasks SET
    state = 'CANCELLED', phase = NULL, version = version + 1,
    lease_expires_at_ms = NULL, next_action_at_ms = NULL, unserved_since_ms = NULL, ended_at_ms = ?2
WHERE id = ?1 AND state IN ('WAITING', 'PROCESSING')
RETURNING id
