-- Since ?2, so that the cost does not grow with the history. Rows are read of failures alone.
SELECT kind, state, NULL AS class, count(*) AS ended
FROM tasks
WHERE ended_at_ms > ?2 AND state IN ('FINISHED', 'CANCELLED') AND (?1 IS NULL OR tenant = ?1)
GROUP BY kind, state
UNION ALL
SELECT kind, state, error_class, count(*)
FROM tasks
WHERE ended_at_ms > ?2 AND state = 'FAILED' AND (?1 IS NULL OR tenant = ?1)
GROUP BY kind, state, error_class
ORDER BY 1, 2, 3
