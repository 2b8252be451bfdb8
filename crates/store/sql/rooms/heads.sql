-- The projects among ?1 (a JSON list of ids) and where the logs of their rooms stand.
-- A project whose room was never written has no rooms row yet.
SELECT
    projects.id AS room_id,
    projects.tenant,
    projects.created_at_ms,
    rooms.room_id IS NOT NULL AS has_row,
    coalesce(rooms.head_seq, 0) AS head_seq,
    coalesce(rooms.processed_seq, 0) AS processed_seq,
    coalesce(rooms.snapshot_seq, 0) AS snapshot_seq,
    coalesce(rooms.log_bytes, 0) AS log_bytes,
    coalesce(access_versions.version, 0) AS access
FROM projects
LEFT JOIN rooms ON rooms.room_id = projects.id
LEFT JOIN access_versions ON access_versions.tenant = projects.tenant
WHERE projects.id IN (SELECT value FROM json_each(?1))
