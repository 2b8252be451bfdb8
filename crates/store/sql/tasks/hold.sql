-- A sign of life of whoever settles this version: nobody else takes it until then.
UPDATE tasks SET
    next_action_at_ms = max(next_action_at_ms, ?3),
    lease_expires_at_ms = max(lease_expires_at_ms, ?4)
WHERE id = ?1 AND version = ?2 AND state = 'PROCESSING'
RETURNING version
