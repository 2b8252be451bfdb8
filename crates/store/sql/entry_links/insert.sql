INSERT INTO entry_links (secret_hash, account_id, tenant, created_at_ms, expires_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5)
