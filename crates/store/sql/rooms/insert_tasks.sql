-- Tasks of the node processor, ?1 as a JSON list. A live task of the same node and kind stays
-- the only one: its row is not in the answer.
INSERT INTO tasks (
    id, project_id, tenant, node_id, kind, prompt, params, inputs,
    state, next_action_at_ms, created_by, created_at_ms
)
SELECT
    json_extract(task.value, '$.id'),
    ?2,
    ?3,
    json_extract(task.value, '$.node'),
    json_extract(task.value, '$.kind'),
    json_extract(task.value, '$.prompt'),
    json_extract(task.value, '$.params'),
    json_extract(task.value, '$.inputs'),
    'WAITING',
    ?4,
    ?5,
    ?4
FROM json_each(?1) AS task
WHERE true
ON CONFLICT DO NOTHING
RETURNING id
