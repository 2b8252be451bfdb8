-- ?2 is a JSON list of spans.
INSERT INTO room_spans (
    room_id, peer, from_counter, to_counter, actor, first_at_ms, last_at_ms
)
SELECT
    ?1,
    json_extract(span.value, '$.peer'),
    json_extract(span.value, '$.from'),
    json_extract(span.value, '$.to'),
    json_extract(span.value, '$.actor'),
    json_extract(span.value, '$.first_at_ms'),
    json_extract(span.value, '$.last_at_ms')
FROM json_each(?2) AS span
