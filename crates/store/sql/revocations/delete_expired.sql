DELETE FROM revocations
WHERE (kind, tenant, id) IN (
    SELECT kind, tenant, id FROM revocations WHERE expires_at_s <= ?1 LIMIT 1000
)
