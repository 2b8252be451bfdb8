-- Each of ?1 is {name, quota, want}: a bucket of `quota` tokens that fills in a minute. One
-- statement, so that what several take at once is never more than there was. `level` is counted in
-- thousandths; what is in the bucket now is min(1000 * quota, level + elapsed ms * quota / 60).
INSERT INTO buckets (name, quota, level, granted, at_ms, full_at_ms)
SELECT
    value ->> 'name',
    value ->> 'quota',
    1000 * (value ->> 'quota' - min(value ->> 'want', value ->> 'quota')),
    min(value ->> 'want', value ->> 'quota'),
    ?2,
    ?2 + 60000
FROM json_each(?1)
WHERE true
ON CONFLICT (name) DO UPDATE SET
    quota = excluded.quota,
    granted = min(
        excluded.granted,
        min(1000 * excluded.quota, level + max(0, excluded.at_ms - at_ms) * excluded.quota / 60) / 1000
    ),
    level = min(1000 * excluded.quota, level + max(0, excluded.at_ms - at_ms) * excluded.quota / 60)
        - 1000 * min(
            excluded.granted,
            min(1000 * excluded.quota, level + max(0, excluded.at_ms - at_ms) * excluded.quota / 60) / 1000
        ),
    at_ms = max(at_ms, excluded.at_ms),
    full_at_ms = excluded.full_at_ms
RETURNING name, level, granted
