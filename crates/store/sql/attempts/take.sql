INSERT INTO attempts (name, tries, until_ms)
VALUES (?1, 1, ?3)
ON CONFLICT (name) DO UPDATE SET
    tries = CASE WHEN until_ms <= ?2 THEN 1 ELSE tries + 1 END,
    until_ms = CASE WHEN until_ms <= ?2 THEN ?3 ELSE until_ms END
WHERE until_ms <= ?2 OR tries < ?4
RETURNING tries
