SELECT full_at_ms FROM buckets WHERE name = ?1
