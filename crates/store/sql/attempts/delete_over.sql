DELETE FROM attempts WHERE name IN (
    SELECT name FROM attempts WHERE until_ms <= ?1 LIMIT ?2
)
