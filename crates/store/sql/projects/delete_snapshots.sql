DELETE FROM room_snapshots WHERE room_id = ?1
