UPDATE rooms SET versioned_seq = max(versioned_seq, min(?2, head_seq)) WHERE room_id = ?1
