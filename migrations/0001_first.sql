-- Statements are separated by a line that holds only "--;;" because a Spin SQLite call runs one statement.
CREATE TABLE projects (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT
--;;
CREATE INDEX projects_by_tenant ON projects (tenant, created_at_ms)
--;;
-- One row per project that has a room. head_seq is the last sequence number of room_updates;
-- processed_seq is how far the node processor has looked.
CREATE TABLE rooms (
    room_id TEXT PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    head_seq INTEGER NOT NULL DEFAULT 0,
    processed_seq INTEGER NOT NULL DEFAULT 0,
    snapshot_seq INTEGER NOT NULL DEFAULT 0,
    log_bytes INTEGER NOT NULL DEFAULT 0,
    CHECK (processed_seq <= head_seq AND snapshot_seq <= head_seq)
) STRICT
--;;
CREATE INDEX rooms_unprocessed ON rooms (room_id) WHERE processed_seq < head_seq
--;;
CREATE TABLE room_updates (
    room_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    actor TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (room_id, seq)
) STRICT, WITHOUT ROWID
--;;
CREATE TABLE room_snapshots (
    room_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    part INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (room_id, seq, part)
) STRICT, WITHOUT ROWID
--;;
CREATE TABLE servers (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    kinds TEXT NOT NULL,
    token TEXT,
    slots INTEGER NOT NULL CHECK (slots BETWEEN 1 AND 1024),
    used INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
    state TEXT NOT NULL CHECK (state IN ('ONLINE', 'OFFLINE', 'DRAINING')),
    rises INTEGER NOT NULL DEFAULT 0,
    falls INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    last_seen_at_ms INTEGER,
    changed_at_ms INTEGER NOT NULL,
    next_check_at_ms INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (owner, url)
) STRICT
--;;
CREATE INDEX servers_due ON servers (next_check_at_ms)
--;;
CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    node_id TEXT,
    kind TEXT NOT NULL,
    prompt TEXT NOT NULL DEFAULT '',
    params TEXT NOT NULL DEFAULT '{}',
    inputs TEXT NOT NULL DEFAULT '[]',
    state TEXT NOT NULL CHECK (state IN ('WAITING', 'PROCESSING', 'FINISHED', 'FAILED', 'CANCELLED')),
    phase TEXT CHECK (phase IN ('submit', 'running', 'settling')),
    version INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    server_id TEXT,
    external_id TEXT,
    progress REAL NOT NULL DEFAULT 0,
    result TEXT,
    error TEXT,
    asset_id TEXT,
    -- Unanswered calls in a row in this phase; and since when no server serves the kind.
    misses INTEGER NOT NULL DEFAULT 0,
    unserved_since_ms INTEGER,
    lease_expires_at_ms INTEGER,
    next_action_at_ms INTEGER,
    created_by TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER,
    ended_at_ms INTEGER,
    -- A pending task has a next time, an acquired one a lease and a phase, a terminal one none of them.
    CHECK ((state = 'WAITING') = (phase IS NULL AND lease_expires_at_ms IS NULL AND next_action_at_ms IS NOT NULL AND ended_at_ms IS NULL)),
    CHECK ((state = 'PROCESSING') = (phase IS NOT NULL AND lease_expires_at_ms IS NOT NULL AND next_action_at_ms IS NOT NULL)),
    CHECK ((state IN ('FINISHED', 'FAILED', 'CANCELLED')) = (phase IS NULL AND lease_expires_at_ms IS NULL AND next_action_at_ms IS NULL AND ended_at_ms IS NOT NULL))
) STRICT
--;;
CREATE INDEX tasks_due ON tasks (next_action_at_ms) WHERE next_action_at_ms IS NOT NULL
--;;
CREATE INDEX tasks_by_project ON tasks (project_id, created_at_ms)
--;;
CREATE UNIQUE INDEX tasks_live_per_node ON tasks (project_id, node_id, kind)
    WHERE node_id IS NOT NULL AND state IN ('WAITING', 'PROCESSING')
--;;
-- Effects are written in the transaction of the transition that wants them and deleted when done.
CREATE TABLE effects (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('update-node')),
    task_id TEXT NOT NULL,
    body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_action_at_ms INTEGER NOT NULL
) STRICT
--;;
CREATE INDEX effects_due ON effects (next_action_at_ms)
--;;
CREATE TABLE assets (
    project_id TEXT NOT NULL,
    id TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID
--;;
-- Content-addressed bytes: written before the assets row that makes them visible.
CREATE TABLE asset_chunks (
    asset_id TEXT NOT NULL,
    part INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (asset_id, part)
) STRICT, WITHOUT ROWID
--;;
CREATE TABLE ticks (
    name TEXT PRIMARY KEY,
    last_tick_at_ms INTEGER NOT NULL
) STRICT
