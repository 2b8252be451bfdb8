SELECT kind, tenant, id, not_before_s
FROM revocations
WHERE expires_at_s > ?1
ORDER BY expires_at_s DESC
LIMIT ?2
