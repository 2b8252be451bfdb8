INSERT INTO tasks (id, project_id, tenant, node_id, kind, prompt, params, inputs,
                   state, next_action_at_ms, created_by, created_at_ms, trace_id, priority)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'WAITING', ?10, ?9, ?10, ?11, ?12)
