-- The parts of one entry, in order.
SELECT 0 AS part, bytes
FROM room_updates
WHERE room_id = ?1 AND seq = ?2
UNION ALL
SELECT part, bytes
FROM room_update_parts
WHERE room_id = ?1 AND seq = ?2
ORDER BY part
