DELETE FROM accounts WHERE id = ?1 AND tenant = ?2 RETURNING id
