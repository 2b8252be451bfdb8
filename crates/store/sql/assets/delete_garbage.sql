DELETE FROM asset_garbage WHERE tenant = ?1 AND asset_id = ?2
