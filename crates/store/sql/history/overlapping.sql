-- What is known of the operations in ?2, a JSON list of {"peer","from","to"}.
SELECT room_spans.peer, room_spans.from_counter, room_spans.to_counter
FROM json_each(?2) AS wanted
JOIN room_spans
    ON room_spans.room_id = ?1
    AND room_spans.peer = json_extract(wanted.value, '$.peer')
    AND room_spans.from_counter < json_extract(wanted.value, '$.to')
    AND room_spans.to_counter > json_extract(wanted.value, '$.from')
