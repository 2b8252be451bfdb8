INSERT INTO idempotency_keys (tenant, sub, key, fingerprint, locked_until_ms, expires_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (tenant, sub, key) DO UPDATE SET
    fingerprint = excluded.fingerprint,
    locked_until_ms = excluded.locked_until_ms,
    tries = CASE WHEN expires_at_ms <= ?7 THEN 1 ELSE tries + 1 END,
    status = NULL,
    headers = NULL,
    body = NULL,
    expires_at_ms = excluded.expires_at_ms
WHERE expires_at_ms <= ?7
    OR (status IS NULL AND locked_until_ms <= ?7 AND fingerprint = excluded.fingerprint)
RETURNING tries
