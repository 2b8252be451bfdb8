SELECT 1 AS found
FROM revocations
WHERE expires_at_s > ?1
  AND tenant = ?2
  AND ((kind = 'token' AND id IN (?3, ?4))
    OR (kind = 'principal' AND id = ?5 AND not_before_s > ?6))
LIMIT 1
