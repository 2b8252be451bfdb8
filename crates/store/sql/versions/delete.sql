DELETE FROM room_versions WHERE room_id = ?1 AND id = ?2 RETURNING id
