DELETE FROM room_update_parts WHERE room_id = ?1
