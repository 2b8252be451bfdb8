INSERT INTO asset_contents (asset_id, chunks_name) VALUES (?1, ?2)
