SELECT EXISTS (SELECT 1 FROM tasks WHERE id = ?1 AND version > ?2) AS is_past
