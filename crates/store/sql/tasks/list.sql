-- In the order of an index, so that a page is as dear as what it looks at.
SELECT * FROM tasks
WHERE (?1 IS NULL OR tenant = ?1)
  AND (?2 IS NULL OR project_id = ?2)
  AND (?3 IS NULL OR project_id IN (SELECT value FROM json_each(?3)))
  AND (?4 IS NULL OR project_id IN (SELECT project_id FROM project_members WHERE sub = ?4))
  AND (?5 IS NULL OR state = ?5)
  AND (?6 IS NULL OR kind = ?6)
  AND (?7 IS NULL OR node_id = ?7)
  AND (?8 IS NULL OR error_class = ?8)
  AND (?9 IS NULL OR ended_at_ms >= ?9)
  AND (?10 IS NULL OR ended_at_ms < ?10)
  AND (created_at_ms, id) < (coalesce(?11, 9223372036854775807), coalesce(?12, ''))
ORDER BY created_at_ms DESC, id DESC
LIMIT ?13
