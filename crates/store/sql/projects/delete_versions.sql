DELETE FROM room_versions WHERE room_id = ?1
