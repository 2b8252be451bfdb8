SELECT folded_seq FROM rooms WHERE room_id = ?1
