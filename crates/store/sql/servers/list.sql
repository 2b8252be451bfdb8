SELECT * FROM servers
WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR owner = ?2)
ORDER BY created_at_ms, id
