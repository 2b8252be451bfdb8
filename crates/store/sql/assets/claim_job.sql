UPDATE asset_jobs SET tries = tries + 1, next_action_at_ms = ?5
WHERE kind = ?1 AND tenant = ?2 AND asset_id = ?3 AND next_action_at_ms <= ?4
RETURNING *
