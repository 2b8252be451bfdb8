-- The live tasks of the nodes in ?2 (a JSON list of ids).
SELECT id, node_id, kind
FROM tasks
WHERE
    project_id = ?1
    AND node_id IN (SELECT value FROM json_each(?2))
    AND state IN ('WAITING', 'PROCESSING')
