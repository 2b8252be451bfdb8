UPDATE buckets SET level = level - 1 WHERE name = ?1 AND level > 0
