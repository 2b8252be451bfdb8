SELECT * FROM asset_garbage WHERE since_ms <= ?1 ORDER BY since_ms LIMIT ?2
