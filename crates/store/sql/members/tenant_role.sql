SELECT role FROM tenant_members WHERE tenant = ?1 AND sub = ?2
