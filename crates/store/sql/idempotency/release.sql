DELETE FROM idempotency_keys
WHERE tenant = ?1 AND sub = ?2 AND key = ?3 AND locked_until_ms = ?4 AND status IS NULL
