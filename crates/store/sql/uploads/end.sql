UPDATE uploads SET expires_at_ms = 0, writer = NULL WHERE id = ?1 RETURNING id
