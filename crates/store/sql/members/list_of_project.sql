SELECT sub, role, created_at_ms FROM project_members
WHERE project_id = ?1 AND (?2 IS NULL OR (created_at_ms, sub) > (?2, ?3))
ORDER BY created_at_ms, sub
LIMIT ?4
