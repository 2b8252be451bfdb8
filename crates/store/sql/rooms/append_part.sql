INSERT INTO room_update_parts (room_id, seq, part, bytes) VALUES (?1, ?2, ?3, ?4)
