-- Claims by moving the next time ahead: an overlapping tick finds nothing, and a crashed one is
-- followed by another as soon as that time has come.
UPDATE tasks SET
    next_action_at_ms = ?3,
    -- Leases are as long as the longest pause: a later one is from before the clock was set back.
    lease_expires_at_ms = min(lease_expires_at_ms, ?2)
WHERE id IN (
    SELECT id FROM tasks
    WHERE state = 'PROCESSING' AND (next_action_at_ms <= ?1 OR next_action_at_ms > ?2)
    ORDER BY next_action_at_ms LIMIT ?4
)
RETURNING *
