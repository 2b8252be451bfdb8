SELECT EXISTS (SELECT 1 FROM webhooks WHERE id = ?1 AND expires_at_ms > ?2) AS known
