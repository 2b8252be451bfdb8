INSERT INTO assets (project_id, id, media_type, size, created_by, created_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (project_id, id) DO NOTHING
RETURNING id
