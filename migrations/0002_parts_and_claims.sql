-- An update may be larger than one value may be: room_updates holds its first part and how many
-- there are, room_update_parts the others.
CREATE TABLE room_update_parts (
    room_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    part INTEGER NOT NULL CHECK (part > 0),
    bytes BLOB NOT NULL,
    PRIMARY KEY (room_id, seq, part)
) STRICT, WITHOUT ROWID
--;;
ALTER TABLE room_updates ADD COLUMN parts INTEGER NOT NULL DEFAULT 1
--;;
-- The tick claims rooms as it claims everything else: those that it could not process go to the
-- end of the queue.
ALTER TABLE rooms ADD COLUMN next_process_at_ms INTEGER NOT NULL DEFAULT 0
--;;
DROP INDEX rooms_unprocessed
--;;
CREATE INDEX rooms_unprocessed ON rooms (next_process_at_ms) WHERE processed_seq < head_seq
