UPDATE projects SET name = ?3 WHERE id = ?1 AND name = ?2 RETURNING id
