DELETE FROM room_spans WHERE room_id = ?1
