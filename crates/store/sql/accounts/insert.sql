INSERT INTO accounts (id, tenant, login, name, password_hash, is_disabled, created_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)
ON CONFLICT DO NOTHING
RETURNING id
