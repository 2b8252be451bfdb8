UPDATE rooms
SET next_version_at_ms = ?2
WHERE
    room_id IN (
        SELECT room_id
        FROM rooms
        WHERE versioned_seq < head_seq AND (next_version_at_ms <= ?1 OR next_version_at_ms > ?2)
        ORDER BY next_version_at_ms, room_id
        LIMIT ?3
    )
RETURNING room_id
