INSERT INTO asset_chunks (asset_id, part, bytes) VALUES (?1, ?2, ?3)
ON CONFLICT (asset_id, part) DO UPDATE SET bytes = ?3
