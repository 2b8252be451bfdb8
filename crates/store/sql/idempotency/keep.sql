UPDATE idempotency_keys SET status = ?5, headers = ?6, body = ?7
WHERE tenant = ?1 AND sub = ?2 AND key = ?3 AND locked_until_ms = ?4 AND status IS NULL
