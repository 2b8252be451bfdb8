INSERT INTO asset_thumbnails (asset_id, side, media_type, width, height, bytes, reason)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (asset_id, side) DO NOTHING
