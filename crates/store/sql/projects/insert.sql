INSERT INTO projects (id, tenant, name, created_by, created_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (id) DO NOTHING
RETURNING id
