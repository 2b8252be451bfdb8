UPDATE servers SET used = used - 1 WHERE id = ?1 AND used > 0
