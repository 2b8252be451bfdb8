-- Moves the heads of several rooms at once; a room whose head is not the expected one, or whose
-- project was replaced, stays out of the answer.
-- ?1 is a JSON list of {"room","epoch","head","count","bytes"}.
UPDATE rooms
SET
    head_seq = rooms.head_seq + (json_extract(wanted.value, '$.count')),
    log_bytes = rooms.log_bytes + (json_extract(wanted.value, '$.bytes'))
FROM json_each(?1) AS wanted, projects
WHERE
    rooms.room_id = json_extract(wanted.value, '$.room')
    AND rooms.head_seq = json_extract(wanted.value, '$.head')
    AND projects.id = rooms.room_id
    AND projects.created_at_ms = json_extract(wanted.value, '$.epoch')
RETURNING rooms.room_id AS room_id
