UPDATE servers SET used = used + 1
WHERE id = ?1 AND used < slots AND state = 'ONLINE'
RETURNING used
