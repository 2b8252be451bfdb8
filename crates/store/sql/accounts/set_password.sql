UPDATE accounts
SET password_hash = ?3
WHERE id = ?1 AND password_hash IS ?2
RETURNING id
