UPDATE rooms
SET processed_seq = max(processed_seq, min(?2, head_seq))
WHERE room_id = ?1
