UPDATE accounts
SET name = coalesce(?3, name), is_disabled = coalesce(?4, is_disabled)
WHERE id = ?1 AND tenant = ?2
RETURNING id
