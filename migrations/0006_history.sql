-- Versions of documents, and who wrote which operations once the log has forgotten it.
CREATE TABLE room_versions (
    room_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('auto', 'named')),
    name TEXT,
    -- Where in the history of the document it is, as Loro encodes it.
    frontiers BLOB NOT NULL,
    -- The head of the log when the version was made.
    seq INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (room_id, id),
    CHECK ((kind = 'named') = (name IS NOT NULL))
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX room_versions_by_time ON room_versions (room_id, created_at_ms, id)
--;;
-- Operations [from_counter, to_counter) of a Loro peer, and who brought them. Peers are 64 bits
-- without a sign, so they are text.
CREATE TABLE room_spans (
    room_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    peer TEXT NOT NULL,
    from_counter INTEGER NOT NULL,
    to_counter INTEGER NOT NULL,
    actor TEXT NOT NULL,
    first_at_ms INTEGER NOT NULL,
    last_at_ms INTEGER NOT NULL,
    PRIMARY KEY (room_id, peer, from_counter),
    CHECK (from_counter >= 0 AND from_counter < to_counter)
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX room_spans_by_time ON room_spans (room_id, last_at_ms)
--;;
-- The log up to folded_seq is in room_spans.
ALTER TABLE rooms ADD COLUMN folded_seq INTEGER NOT NULL DEFAULT 0
--;;
-- The last automatic version holds the log up to versioned_seq; the next one is not made before
-- next_version_at_ms.
ALTER TABLE rooms ADD COLUMN versioned_seq INTEGER NOT NULL DEFAULT 0
--;;
ALTER TABLE rooms ADD COLUMN next_version_at_ms INTEGER NOT NULL DEFAULT 0
--;;
CREATE INDEX rooms_unversioned ON rooms (next_version_at_ms) WHERE versioned_seq < head_seq
