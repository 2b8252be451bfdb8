-- The newest first, after the place (?2, ?3) of the page before.
SELECT id, kind, name, frontiers, seq, created_by, created_at_ms
FROM room_versions
WHERE room_id = ?1 AND (?2 IS NULL OR (created_at_ms, id) < (?2, ?3))
ORDER BY created_at_ms DESC, id DESC
LIMIT ?4
