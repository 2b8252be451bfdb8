-- Rooms whose log since the snapshot outgrew ?1 bytes and half of the snapshot.
SELECT room_id
FROM rooms
WHERE
    log_bytes > ?1
    AND head_seq > snapshot_seq
    AND log_bytes * 2 > (
        SELECT coalesce(sum(length(bytes)), 0)
        FROM room_snapshots
        WHERE room_snapshots.room_id = rooms.room_id AND seq = rooms.snapshot_seq
    )
ORDER BY log_bytes DESC
LIMIT ?2
