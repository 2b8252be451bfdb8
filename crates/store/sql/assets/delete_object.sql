DELETE FROM asset_objects WHERE tenant = ?1 AND asset_id = ?2 AND state = 'leaving'
