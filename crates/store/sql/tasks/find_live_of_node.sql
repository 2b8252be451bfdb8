SELECT * FROM tasks
WHERE project_id = ?1 AND node_id = ?2 AND kind = ?3 AND state IN ('WAITING', 'PROCESSING')
