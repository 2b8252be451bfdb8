DELETE FROM servers WHERE id = ?1 AND state = 'OFFLINE' AND changed_at_ms = ?2 RETURNING id
