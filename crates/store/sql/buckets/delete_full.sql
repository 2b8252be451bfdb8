DELETE FROM buckets WHERE name IN (
    SELECT name FROM buckets WHERE full_at_ms <= ?1 LIMIT ?2
)
