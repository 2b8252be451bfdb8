-- Chunks under a temporary name (with a colon) belong to downloads that are still running.
DELETE FROM asset_chunks
WHERE asset_id NOT LIKE '%:%' AND asset_id NOT IN (SELECT id FROM assets)
