-- The next ?4 entries of a room's log in (?2, ?3], without the bytes of those over ?5 bytes.
SELECT
    seq,
    parts = 1 AND length(bytes) <= ?5 AS is_inline,
    CASE WHEN parts = 1 AND length(bytes) <= ?5 THEN bytes END AS bytes
FROM room_updates
WHERE room_id = ?1 AND seq > ?2 AND seq <= ?3
ORDER BY seq
LIMIT ?4
