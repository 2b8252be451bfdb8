-- Entries that the snapshot at ?2 holds and that no edge waits for any more (older than ?3).
DELETE FROM room_updates WHERE room_id = ?1 AND seq <= ?2 AND created_at_ms < ?3
