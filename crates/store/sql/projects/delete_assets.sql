DELETE FROM assets WHERE project_id = ?1
