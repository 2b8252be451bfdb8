-- Rooms whose node processor is behind.
SELECT room_id
FROM rooms
WHERE processed_seq < head_seq
ORDER BY room_id
LIMIT ?1
