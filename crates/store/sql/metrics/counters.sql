SELECT series, value FROM counters ORDER BY series LIMIT ?1
