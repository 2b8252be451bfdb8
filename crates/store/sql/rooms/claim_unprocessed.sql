UPDATE rooms
SET next_process_at_ms = ?2
WHERE
    room_id IN (
        SELECT room_id
        FROM rooms
        WHERE processed_seq < head_seq AND (next_process_at_ms <= ?1 OR next_process_at_ms > ?2)
        ORDER BY next_process_at_ms, room_id
        LIMIT ?3
    )
RETURNING room_id
