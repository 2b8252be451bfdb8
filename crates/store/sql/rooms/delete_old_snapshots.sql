DELETE FROM room_snapshots WHERE room_id = ?1 AND seq < ?2
