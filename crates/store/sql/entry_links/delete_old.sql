DELETE FROM entry_links
WHERE secret_hash IN (SELECT secret_hash FROM entry_links WHERE expires_at_ms <= ?1 LIMIT 1000)
