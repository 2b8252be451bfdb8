-- The index of what is due knows only servers that are checked, and each branch must say so for itself.
SELECT seen, gone, EXISTS (
    SELECT 1 FROM servers
    WHERE (interface IN ('tasks', 'predict') AND next_check_at_ms <= ?1)
       OR (interface IN ('tasks', 'predict') AND next_check_at_ms > ?2)
) AS due
FROM (
    SELECT count(*) AS seen,
           coalesce(sum(state = 'OFFLINE' OR (state = 'DRAINING' AND falls >= ?3)), 0) AS gone
    FROM servers WHERE last_seen_at_ms IS NOT NULL
)
