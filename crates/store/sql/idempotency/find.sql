SELECT fingerprint, status, headers, body FROM idempotency_keys
WHERE tenant = ?1 AND sub = ?2 AND key = ?3
