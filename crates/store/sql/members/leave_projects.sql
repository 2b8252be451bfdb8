DELETE FROM project_members
WHERE sub = ?2 AND project_id IN (SELECT id FROM projects WHERE tenant = ?1)
