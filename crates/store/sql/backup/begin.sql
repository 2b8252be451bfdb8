-- A room that was never written begins with a snapshot; ?2 is when its project was created.
INSERT INTO rooms (room_id, head_seq, snapshot_seq, folded_seq, versioned_seq)
SELECT id, 1, 1, 1, 1
FROM projects
WHERE id = ?1 AND created_at_ms = ?2
ON CONFLICT (room_id) DO UPDATE
SET head_seq = 1, snapshot_seq = 1, folded_seq = 1, versioned_seq = 1
WHERE rooms.head_seq = 0
RETURNING room_id
