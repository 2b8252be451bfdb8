SELECT id, tenant, name, created_by, created_at_ms FROM projects WHERE id = ?1
