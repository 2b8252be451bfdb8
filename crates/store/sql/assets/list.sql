SELECT * FROM assets
WHERE project_id = ?1 AND (created_at_ms, id) < (?2, ?3)
ORDER BY created_at_ms DESC, id DESC LIMIT ?4
