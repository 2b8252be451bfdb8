DELETE FROM asset_thumbnails WHERE asset_id = ?1
