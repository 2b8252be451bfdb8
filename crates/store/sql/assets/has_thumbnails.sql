SELECT EXISTS (SELECT 1 FROM asset_thumbnails WHERE asset_id = ?1) AS made
