DELETE FROM rooms WHERE room_id = ?1
