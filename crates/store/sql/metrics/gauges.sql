SELECT 'clash_projects' AS series, CAST(count(*) AS REAL) AS value FROM projects
UNION ALL
SELECT 'clash_rooms_unprocessed', CAST(count(*) AS REAL) FROM rooms WHERE processed_seq < head_seq
UNION ALL
SELECT 'clash_tasks{state="' || state || '"}', CAST(count(*) AS REAL) FROM tasks GROUP BY state
UNION ALL
SELECT 'clash_servers{state="' || state || '"}', CAST(count(*) AS REAL) FROM servers GROUP BY state
UNION ALL
SELECT 'clash_server_slots_used', CAST(coalesce(sum(used), 0) AS REAL) FROM servers
UNION ALL
SELECT 'clash_effects_pending', CAST(count(*) AS REAL) FROM effects
UNION ALL
SELECT 'clash_assets', CAST(count(*) AS REAL) FROM assets
UNION ALL
SELECT 'clash_asset_bytes', CAST(coalesce(sum(size), 0) AS REAL) FROM assets
UNION ALL
SELECT 'clash_last_tick_timestamp_seconds', last_tick_at_ms / 1000.0 FROM ticks
ORDER BY series
LIMIT ?1
