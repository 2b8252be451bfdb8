UPDATE rooms SET folded_seq = ?2 WHERE room_id = ?1
