SELECT count(*) AS count FROM room_versions WHERE room_id = ?1 AND kind = 'named'
