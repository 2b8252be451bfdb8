-- Only into the project that was created at ?9; a version that is there already stays as it is.
INSERT INTO room_versions (room_id, id, kind, name, frontiers, seq, created_by, created_at_ms)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
FROM projects
WHERE projects.id = ?1 AND projects.created_at_ms = ?9
ON CONFLICT (room_id, id) DO NOTHING
RETURNING id
