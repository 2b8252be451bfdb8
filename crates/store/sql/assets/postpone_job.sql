UPDATE asset_jobs SET next_action_at_ms = ?4 WHERE kind = ?1 AND tenant = ?2 AND asset_id = ?3
