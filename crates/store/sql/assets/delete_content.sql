DELETE FROM asset_contents WHERE asset_id = ?1
