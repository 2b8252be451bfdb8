INSERT INTO room_updates (room_id, seq, bytes, actor, created_at_ms, parts) VALUES
