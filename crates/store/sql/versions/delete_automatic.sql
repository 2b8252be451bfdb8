-- ?2 is a JSON list of ids. One that got a name meanwhile stays.
DELETE FROM room_versions
WHERE room_id = ?1 AND kind = 'auto' AND id IN (SELECT value FROM json_each(?2))
