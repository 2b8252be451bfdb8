SELECT * FROM tasks
WHERE (?1 IS NULL OR tenant = ?1)
  AND (?2 IS NULL OR project_id = ?2)
  AND (?3 IS NULL OR project_id IN (SELECT value FROM json_each(?3)))
  AND (?4 IS NULL OR project_id IN (SELECT project_id FROM project_members WHERE sub = ?4))
  AND (?5 IS NULL OR state = ?5)
  AND (?6 IS NULL OR (created_at_ms, id) < (?6, ?7))
ORDER BY created_at_ms DESC, id DESC
LIMIT ?8
