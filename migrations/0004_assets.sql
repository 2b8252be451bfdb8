-- Uploads, thumbnails, storage outside of the database, and what nobody needs any more.
CREATE INDEX assets_by_id ON assets (id)
--;;
CREATE INDEX assets_by_project ON assets (project_id, created_at_ms, id)
--;;
-- Large uploads keep the name under which their chunks were written: to rename them at the end
-- would write them all again under the lock of the database.
CREATE TABLE asset_contents (
    asset_id TEXT PRIMARY KEY,
    chunks_name TEXT NOT NULL UNIQUE
) STRICT, WITHOUT ROWID
--;;
-- Bytes on their way in. `received` is what is durable; `hash` is the state of the sha256 so far;
-- only the holder of `writer` may add to it. Chunks lie under the name put:<id>.
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('whole', 'resumable', 'presigned')),
    project_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    created_by TEXT NOT NULL,
    length INTEGER CHECK (length > 0),
    received INTEGER NOT NULL DEFAULT 0,
    hash BLOB,
    writer TEXT,
    metadata TEXT NOT NULL DEFAULT '',
    -- What a presigned upload promised to be.
    sha256 TEXT,
    asset_id TEXT,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    CHECK (kind = 'whole' OR length IS NOT NULL),
    CHECK ((kind = 'presigned') = (sha256 IS NOT NULL)),
    CHECK (length IS NULL OR received <= length)
) STRICT
--;;
CREATE INDEX uploads_by_end ON uploads (expires_at_ms)
--;;
CREATE INDEX uploads_by_owner ON uploads (tenant, created_by)
--;;
-- Small pictures of pictures. A row with side 0 says why there are none.
CREATE TABLE asset_thumbnails (
    asset_id TEXT NOT NULL,
    side INTEGER NOT NULL CHECK (side >= 0),
    media_type TEXT NOT NULL DEFAULT '',
    width INTEGER NOT NULL DEFAULT 0,
    height INTEGER NOT NULL DEFAULT 0,
    bytes BLOB,
    reason TEXT,
    PRIMARY KEY (asset_id, side),
    CHECK ((side = 0) = (reason IS NOT NULL)),
    CHECK ((side = 0) = (bytes IS NULL))
) STRICT, WITHOUT ROWID
--;;
-- Bytes that lie in the object storage. `moving` collects the parts of a multipart upload;
-- `leaving` is being removed.
CREATE TABLE asset_objects (
    tenant TEXT NOT NULL,
    asset_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('moving', 'stored', 'leaving')),
    upload_id TEXT,
    etags TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (tenant, asset_id)
) STRICT, WITHOUT ROWID
--;;
-- What is still to be done for an asset: its thumbnails, its move to the object storage. Without
-- an object storage the moves wait until there is one.
CREATE TABLE asset_jobs (
    kind TEXT NOT NULL CHECK (kind IN ('thumbnails', 'move')),
    tenant TEXT NOT NULL,
    asset_id TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_action_at_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, tenant, asset_id)
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX asset_jobs_due ON asset_jobs (kind, next_action_at_ms)
--;;
-- Assets that a project of the tenant has lost. Without a time the tick has not seen it yet.
CREATE TABLE asset_garbage (
    tenant TEXT NOT NULL,
    asset_id TEXT NOT NULL,
    since_ms INTEGER,
    chunks_name TEXT,
    PRIMARY KEY (tenant, asset_id)
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX asset_garbage_by_time ON asset_garbage (since_ms)
--;;
CREATE TRIGGER assets_want_work AFTER INSERT ON assets
BEGIN
    INSERT INTO asset_jobs (kind, tenant, asset_id, next_action_at_ms)
    SELECT wanted.kind, projects.tenant, NEW.id, NEW.created_at_ms
    FROM projects, (SELECT 'thumbnails' AS kind UNION ALL SELECT 'move') AS wanted
    WHERE projects.id = NEW.project_id
        AND (wanted.kind = 'move'
            OR NEW.media_type IN ('image/png', 'image/jpeg', 'image/webp', 'image/gif'))
        AND NOT EXISTS (
            SELECT 1 FROM asset_jobs
            WHERE asset_jobs.kind = wanted.kind AND asset_jobs.tenant = projects.tenant
                AND asset_jobs.asset_id = NEW.id
        );
END
--;;
CREATE TRIGGER assets_leave_garbage AFTER DELETE ON assets
BEGIN
    INSERT INTO asset_garbage (tenant, asset_id)
    SELECT projects.tenant, OLD.id FROM projects
    WHERE projects.id = OLD.project_id
        AND NOT EXISTS (
            SELECT 1 FROM asset_garbage
            WHERE asset_garbage.tenant = projects.tenant AND asset_garbage.asset_id = OLD.id
        );
END
--;;
-- What is there already is worked on too.
INSERT INTO asset_jobs (kind, tenant, asset_id, next_action_at_ms)
SELECT DISTINCT wanted.kind, projects.tenant, assets.id, 0
FROM assets
JOIN projects ON projects.id = assets.project_id,
    (SELECT 'thumbnails' AS kind UNION ALL SELECT 'move') AS wanted
WHERE wanted.kind = 'move'
    OR assets.media_type IN ('image/png', 'image/jpeg', 'image/webp', 'image/gif')
