-- The smallest that is at least as large as asked for, or the reason why there is none.
SELECT * FROM asset_thumbnails WHERE asset_id = ?1 AND (side = 0 OR side >= ?2)
ORDER BY side LIMIT 1
