-- The next ?4 entries of a room's log in (?2, ?3].
SELECT seq, bytes
FROM room_updates
WHERE room_id = ?1 AND seq > ?2 AND seq <= ?3
ORDER BY seq
LIMIT ?4
