-- Who wrote the entries in (?2, ?3] of a room's log, and when, the last ?4 of them, the last first.
SELECT actor, created_at_ms
FROM room_updates
WHERE room_id = ?1 AND seq > ?2 AND seq <= ?3
ORDER BY seq DESC
LIMIT ?4
