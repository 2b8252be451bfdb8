-- Rooms whose log since the snapshot outgrew ?1 bytes.
SELECT room_id
FROM rooms
WHERE log_bytes > ?1 AND head_seq > snapshot_seq
ORDER BY log_bytes DESC
LIMIT ?2
