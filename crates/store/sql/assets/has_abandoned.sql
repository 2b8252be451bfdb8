SELECT EXISTS (SELECT 1 FROM asset_chunks WHERE asset_id >= 'upload:' AND asset_id < 'upload;') AS uploads
