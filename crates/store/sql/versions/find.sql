SELECT id, kind, name, frontiers, seq, created_by, created_at_ms
FROM room_versions
WHERE room_id = ?1 AND id = ?2
