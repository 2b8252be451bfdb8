INSERT INTO room_snapshots (room_id, seq, part, bytes) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (room_id, seq, part) DO UPDATE SET bytes = excluded.bytes
