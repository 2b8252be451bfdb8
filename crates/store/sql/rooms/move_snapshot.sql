-- ?2 the new snapshot, ?3 the one that the writer knew. log_bytes keeps what came after ?2.
UPDATE rooms
SET
    snapshot_seq = ?2,
    log_bytes = (
        SELECT coalesce(sum(length(bytes)), 0)
        FROM room_updates
        WHERE room_updates.room_id = ?1 AND seq > ?2
    ) + (
        SELECT coalesce(sum(length(bytes)), 0)
        FROM room_update_parts
        WHERE room_update_parts.room_id = ?1 AND seq > ?2
    )
WHERE room_id = ?1 AND snapshot_seq = ?3 AND head_seq >= ?2
RETURNING room_id
