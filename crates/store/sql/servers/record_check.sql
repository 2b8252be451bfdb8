-- Only if nobody changed the server since it was read: a registration beats an older check.
UPDATE servers SET
    state = ?3, rises = ?4, falls = ?5, last_error = ?6, last_seen_at_ms = coalesce(?7, last_seen_at_ms),
    changed_at_ms = ?8, next_check_at_ms = ?9
WHERE id = ?1 AND changed_at_ms = ?2
RETURNING state
