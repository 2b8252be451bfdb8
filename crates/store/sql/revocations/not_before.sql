SELECT not_before_s
FROM revocations
WHERE kind = 'principal' AND tenant = ?1 AND id = ?2
