DELETE FROM project_members WHERE sub = ?1
