SELECT a.id, a.tenant, a.login, a.name, a.password_hash, a.is_disabled, a.created_at_ms, m.role
FROM accounts AS a
LEFT JOIN tenant_members AS m ON m.sub = a.id AND m.tenant = a.tenant
WHERE a.login = ?1
