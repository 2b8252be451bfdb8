DELETE FROM tenant_members WHERE sub = ?1
