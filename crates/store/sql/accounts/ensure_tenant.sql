INSERT INTO tenants (id, name, created_at_ms)
VALUES (?1, ?1, ?2)
ON CONFLICT (id) DO NOTHING
