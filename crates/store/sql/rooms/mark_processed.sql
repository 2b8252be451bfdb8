UPDATE rooms
SET
    processed_seq = max(processed_seq, min(?2, head_seq)),
    next_process_at_ms = 0
WHERE room_id = ?1
