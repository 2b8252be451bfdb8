SELECT 1 AS there FROM room_snapshots WHERE room_id = ?1 AND seq = ?2 AND part = 0
