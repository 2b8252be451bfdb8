-- The same of one class, which has an index of its own.
SELECT * FROM tasks
WHERE tenant = ?1 AND error_class = ?8 AND state = 'FAILED' AND ?5 = 'FAILED'
  AND (?2 IS NULL OR project_id = ?2)
  AND (?3 IS NULL OR project_id IN (SELECT value FROM json_each(?3)))
  AND (?4 IS NULL OR project_id IN (SELECT project_id FROM project_members WHERE sub = ?4))
  AND (?6 IS NULL OR kind = ?6)
  AND (?7 IS NULL OR node_id = ?7)
  AND ended_at_ms >= coalesce(?9, -9223372036854775808)
  AND ended_at_ms < coalesce(?10, 9223372036854775807)
  AND (ended_at_ms, id) < (coalesce(?11, 9223372036854775807), coalesce(?12, ''))
ORDER BY ended_at_ms DESC, id DESC
LIMIT ?13
