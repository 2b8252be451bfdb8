-- An ended task waits again, unless its node has another live one of the kind. `attempt` goes on: it is
-- the provider's idempotency key.
UPDATE tasks SET
    state = 'WAITING', version = version + 1, failures = 0, next_action_at_ms = ?3, ended_at_ms = NULL,
    started_at_ms = NULL, sent_at_ms = NULL, server_id = NULL, external_id = NULL, progress = 0,
    result = NULL, error = NULL, asset_id = NULL, misses = 0, unserved_since_ms = NULL, model = NULL,
    usage = NULL
WHERE id = ?1 AND version = ?2 AND state IN ('FAILED', 'CANCELLED')
  AND NOT EXISTS (
      SELECT 1 FROM tasks AS other
      WHERE other.project_id = tasks.project_id AND other.node_id = tasks.node_id
        AND other.kind = tasks.kind AND other.state IN ('WAITING', 'PROCESSING')
  )
RETURNING version
