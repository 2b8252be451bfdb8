SELECT server_id, model, count(*) AS used FROM tasks
WHERE state = 'PROCESSING' AND model IS NOT NULL AND server_id IS NOT NULL
GROUP BY server_id, model
