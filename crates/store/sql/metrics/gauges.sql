-- Everything of tasks is counted by index: live ones, and those that ended after ?2. ?1 bounds the series.
SELECT 'clash_projects' AS series, CAST(count(*) AS REAL) AS value FROM projects
UNION ALL
SELECT 'clash_rooms_unprocessed', CAST(count(*) AS REAL) FROM rooms WHERE processed_seq < head_seq
UNION ALL
SELECT 'clash_tasks{state="WAITING"}', CAST(count(*) AS REAL) FROM tasks INDEXED BY tasks_waiting WHERE state = 'WAITING'
UNION ALL
SELECT 'clash_tasks{state="PROCESSING"}', CAST(count(*) AS REAL) FROM tasks INDEXED BY tasks_processing WHERE state = 'PROCESSING'
UNION ALL
SELECT 'clash_queue_depth{kind="' || kind || '"}', CAST(count(*) AS REAL)
FROM tasks WHERE state = 'WAITING' GROUP BY kind
UNION ALL
SELECT 'clash_queue_oldest_timestamp_seconds{kind="' || kind || '"}', min(created_at_ms) / 1000.0
FROM tasks WHERE state = 'WAITING' GROUP BY kind
UNION ALL
SELECT 'clash_tasks_processing{kind="' || kind || '",phase="' || phase || '"}', CAST(count(*) AS REAL)
FROM tasks WHERE state = 'PROCESSING' GROUP BY kind, phase
UNION ALL
SELECT
    'clash_tasks_ended_last_hour{kind="' || kind || '",state="' || state || '",class=""}',
    CAST(count(*) AS REAL)
FROM tasks WHERE ended_at_ms > ?2 AND state IN ('FINISHED', 'CANCELLED') GROUP BY kind, state
UNION ALL
SELECT
    'clash_tasks_ended_last_hour{kind="' || kind || '",state="FAILED",class="' || coalesce(error_class, '')
        || '"}',
    CAST(count(*) AS REAL)
FROM tasks WHERE ended_at_ms > ?2 AND state = 'FAILED' GROUP BY kind, error_class
UNION ALL
SELECT 'clash_servers{state="' || state || '"}', CAST(count(*) AS REAL) FROM servers GROUP BY state
UNION ALL
SELECT 'clash_server_slots_used', CAST(coalesce(sum(used), 0) AS REAL) FROM servers
UNION ALL
SELECT 'clash_server_used{server="' || id || '"}', CAST(used AS REAL) FROM servers
UNION ALL
SELECT 'clash_server_slots{server="' || id || '"}', CAST(slots AS REAL) FROM servers
UNION ALL
SELECT 'clash_server_cooldown_until_timestamp_seconds{server="' || id || '"}', cooldown_until_ms / 1000.0
FROM servers WHERE cooldown_until_ms > 0
UNION ALL
SELECT 'clash_effects_pending', CAST(count(*) AS REAL) FROM effects
UNION ALL
SELECT 'clash_effects_oldest_timestamp_seconds', ended_at_ms / 1000.0
FROM tasks WHERE id = (SELECT task_id FROM effects ORDER BY id LIMIT 1) AND ended_at_ms IS NOT NULL
UNION ALL
SELECT 'clash_assets', CAST(count(*) AS REAL) FROM assets
UNION ALL
SELECT 'clash_asset_bytes', CAST(coalesce(sum(size), 0) AS REAL) FROM assets
UNION ALL
SELECT 'clash_last_tick_timestamp_seconds', last_tick_at_ms / 1000.0 FROM ticks
ORDER BY series
LIMIT ?1
