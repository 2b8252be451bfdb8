SELECT id, created_at_ms FROM room_versions WHERE room_id = ?1 AND kind = 'auto' ORDER BY created_at_ms DESC, id DESC
