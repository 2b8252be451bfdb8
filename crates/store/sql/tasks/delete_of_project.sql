DELETE FROM tasks WHERE project_id = ?1
