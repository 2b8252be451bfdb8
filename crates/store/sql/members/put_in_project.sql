INSERT INTO project_members (project_id, sub, role, created_at_ms)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (project_id, sub) DO UPDATE SET role = excluded.role
RETURNING created_at_ms
