DELETE FROM project_members WHERE project_id = ?1 AND sub = ?2 RETURNING sub
