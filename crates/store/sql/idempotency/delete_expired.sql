DELETE FROM idempotency_keys WHERE (tenant, sub, key) IN (
    SELECT tenant, sub, key FROM idempotency_keys WHERE expires_at_ms <= ?1 LIMIT ?2
)
