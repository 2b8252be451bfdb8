UPDATE servers SET rate_until_ms = ?2 WHERE id = ?1
