SELECT * FROM asset_objects WHERE tenant = ?1 AND asset_id = ?2
