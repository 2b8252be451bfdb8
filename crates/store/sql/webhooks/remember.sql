INSERT INTO webhooks (id, expires_at_ms) VALUES (?1, ?2)
ON CONFLICT (id) DO UPDATE SET expires_at_ms = excluded.expires_at_ms
