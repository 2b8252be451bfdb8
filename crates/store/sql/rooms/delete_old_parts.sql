-- The parts of what delete_old_updates is about to remove.
DELETE FROM room_update_parts
WHERE
    room_id = ?1
    AND seq IN (
        SELECT seq
        FROM room_updates
        WHERE room_id = ?1 AND seq <= ?2 AND created_at_ms < ?3 AND parts > 1
    )
