UPDATE asset_jobs SET tries = tries + 1, next_action_at_ms = ?4
WHERE kind = ?1 AND (tenant, asset_id) IN (
    SELECT tenant, asset_id FROM asset_jobs
    WHERE kind = ?1 AND (next_action_at_ms <= ?2 OR next_action_at_ms > ?3)
    ORDER BY next_action_at_ms LIMIT ?5
)
RETURNING *
