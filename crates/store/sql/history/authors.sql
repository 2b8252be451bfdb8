-- Who appended the next ?4 entries of a log in (?2, ?3], and when.
SELECT seq, actor, created_at_ms
FROM room_updates
WHERE room_id = ?1 AND seq > ?2 AND seq <= ?3
ORDER BY seq
LIMIT ?4
