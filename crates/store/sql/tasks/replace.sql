-- The compare-and-set of every transition: no row back means that another write came first.
UPDATE tasks SET
    state = ?3, phase = ?4, version = version + 1, attempt = ?5, server_id = ?6, external_id = ?7,
    progress = ?8, result = ?9, error = ?10, asset_id = ?11, misses = ?12, unserved_since_ms = ?13,
    lease_expires_at_ms = ?14, next_action_at_ms = ?15, started_at_ms = ?16, ended_at_ms = ?17,
    failures = ?18, sent_at_ms = ?19, model = ?20, usage = ?21, paid = ?22
WHERE id = ?1 AND version = ?2
RETURNING version
