DELETE FROM webhooks WHERE id IN (SELECT id FROM webhooks WHERE expires_at_ms <= ?1 LIMIT 64)
