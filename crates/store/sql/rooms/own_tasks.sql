-- The live tasks among ?1 (a JSON list of ids) that belong to project ?2.
SELECT id
FROM tasks
WHERE
    id IN (SELECT value FROM json_each(?1))
    AND project_id = ?2
    AND state IN ('WAITING', 'PROCESSING')
