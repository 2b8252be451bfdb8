INSERT INTO effects (kind, task_id, body, next_action_at_ms) VALUES ('update-node', ?1, ?2, ?3) RETURNING id
