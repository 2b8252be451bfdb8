-- The next ?4 parts of a snapshot, from ?3 on.
SELECT bytes
FROM room_snapshots
WHERE room_id = ?1 AND seq = ?2 AND part >= ?3
ORDER BY part
LIMIT ?4
