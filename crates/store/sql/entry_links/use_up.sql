UPDATE entry_links
SET used_at_ms = ?2
WHERE secret_hash = ?1 AND used_at_ms IS NULL AND expires_at_ms > ?2
RETURNING account_id, tenant
