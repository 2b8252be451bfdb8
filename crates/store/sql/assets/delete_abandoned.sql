-- Chunks of downloads that nobody finishes any more: names are upload:<task>:<random>.
DELETE FROM asset_chunks
WHERE asset_id >= 'upload:' AND asset_id < 'upload;'
  AND NOT EXISTS (
    SELECT 1 FROM tasks
    WHERE tasks.phase = 'settling'
      AND substr(asset_chunks.asset_id, 8, length(tasks.id) + 1) = tasks.id || ':'
  )
