-- An automatic version that gets a name stays.
UPDATE room_versions
SET name = ?3, kind = 'named'
WHERE room_id = ?1 AND id = ?2
RETURNING id
