INSERT INTO tenant_members (tenant, sub, role, created_at_ms)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (tenant, sub) DO UPDATE SET role = excluded.role
RETURNING created_at_ms
