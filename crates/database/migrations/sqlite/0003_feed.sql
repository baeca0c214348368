-- The feed for loaders: what became visible, changed or went away, in an order that a loader can go on from.

-- A record's place in the feed; null while it has none for what it says now.
ALTER TABLE activity ADD COLUMN feed_position INTEGER;
-- Whether any version of it was ever given a place: only what was shown has to be taken back.
ALTER TABLE activity ADD COLUMN announced INTEGER NOT NULL DEFAULT 0;
-- What names the record in the feed without saying whose it is.
ALTER TABLE activity ADD COLUMN public_key TEXT NOT NULL DEFAULT '';
UPDATE activity SET public_key = lower(hex(randomblob(10)));
CREATE UNIQUE INDEX activity_by_public_key ON activity (tenant_id, public_key);
CREATE UNIQUE INDEX activity_by_feed ON activity (tenant_id, feed_position) WHERE feed_position IS NOT NULL;
CREATE INDEX activity_pending ON activity (tenant_id, occurred_at, external_id) WHERE feed_position IS NULL;

-- The next free place. Whoever gives places out holds this row. The epoch is drawn with the row: a cursor of another
-- epoch counts the places of another feed.
CREATE TABLE feed_state (
    tenant_id     TEXT NOT NULL PRIMARY KEY REFERENCES o365_config (tenant_id),
    epoch         TEXT NOT NULL,
    next_position INTEGER NOT NULL
);

-- Records that were shown and are gone.
CREATE TABLE feed_tombstone (
    id                 INTEGER PRIMARY KEY,
    tenant_id          TEXT NOT NULL REFERENCES o365_config (tenant_id),
    public_key         TEXT NOT NULL,
    -- It may hold an address. Null once an erased record's name is no longer told.
    sealed_external_id BLOB,
    reason             TEXT NOT NULL CHECK (reason IN ('retracted', 'renamed', 'erased')),
    feed_position      INTEGER,
    made_at            TEXT NOT NULL,
    UNIQUE (tenant_id, public_key)
);
CREATE UNIQUE INDEX feed_tombstone_by_feed ON feed_tombstone (tenant_id, feed_position) WHERE feed_position IS NOT NULL;
CREATE INDEX feed_tombstone_pending ON feed_tombstone (tenant_id, id) WHERE feed_position IS NULL;
CREATE INDEX feed_tombstone_erased ON feed_tombstone (tenant_id, made_at)
    WHERE reason = 'erased' AND sealed_external_id IS NOT NULL;
