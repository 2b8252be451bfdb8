-- Rows for the rooms of ?1 (a JSON list of ids) whose projects exist.
INSERT INTO rooms (room_id)
SELECT projects.id
FROM projects
WHERE projects.id IN (SELECT value FROM json_each(?1))
ON CONFLICT DO NOTHING
