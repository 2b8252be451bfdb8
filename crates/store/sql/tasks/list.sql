SELECT * FROM tasks
WHERE (?1 IS NULL OR tenant = ?1)
  AND (?2 IS NULL OR project_id = ?2)
  AND (?3 IS NULL OR state = ?3)
ORDER BY created_at_ms DESC, id DESC
LIMIT ?4
