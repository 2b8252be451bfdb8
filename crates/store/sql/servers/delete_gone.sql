DELETE FROM servers WHERE id = ?1 AND state <> 'ONLINE' AND changed_at_ms = ?2 RETURNING id
