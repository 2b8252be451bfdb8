-- The newest first, after the place (?2, ?3) of the page before.
SELECT
    peer, from_counter, to_counter, actor, first_at_ms, last_at_ms,
    from_counter || '@' || peer AS place
FROM room_spans
WHERE
    room_id = ?1
    AND (?2 IS NULL OR (last_at_ms, from_counter || '@' || peer) < (?2, ?3))
ORDER BY last_at_ms DESC, from_counter || '@' || peer DESC
LIMIT ?4
