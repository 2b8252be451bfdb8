DELETE FROM room_updates WHERE room_id = ?1
