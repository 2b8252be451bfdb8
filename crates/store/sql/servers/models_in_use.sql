SELECT server_id, model, sum(weight) AS used FROM tasks
WHERE state = 'PROCESSING' AND model IS NOT NULL AND server_id IS NOT NULL
GROUP BY server_id, model
