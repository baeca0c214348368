-- How a stream is read. `delta` is the way that the service documents; the others are taken, one after the other, where its
-- rounds do not end.
ALTER TABLE delta_state ADD COLUMN way TEXT NOT NULL DEFAULT 'delta'
    CHECK (way IN ('delta', 'large_pages', 'short_window', 'list'));
-- What became of the items since the stream last read its whole window: counts alone, by reason in JSON.
ALTER TABLE delta_state ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delta_state ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delta_state ADD COLUMN dropped TEXT NOT NULL DEFAULT '{}';

-- What an administrator said about a mailbox; null is nothing.
ALTER TABLE mailbox ADD COLUMN choice TEXT CHECK (choice IN ('include', 'exclude'));
-- When the directory was first read without this user.
ALTER TABLE mailbox ADD COLUMN left_at TEXT;

-- An entry whose domain was found to be the company's own is closed until a person decides about it.
ALTER TABLE allowed_external_domain ADD COLUMN is_paused INTEGER NOT NULL DEFAULT 0
    CHECK (is_paused = 0 OR closed_at IS NOT NULL);

-- Addresses and domains that are kept out though the list would let them in. Sealed: nobody on it was let in.
CREATE TABLE exclusion (
    tenant_id     TEXT NOT NULL REFERENCES o365_config (tenant_id),
    -- A keyed hash of what is sealed, in hex, so that it stands here once.
    exclusion_key TEXT NOT NULL,
    sealed        BLOB NOT NULL,
    added_at      TEXT NOT NULL,
    added_by      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, exclusion_key)
);

-- The further properties that an administrator asked for, in JSON; null where nobody did.
ALTER TABLE event_copy ADD COLUMN details TEXT;
ALTER TABLE activity ADD COLUMN details TEXT;

-- The same for every copy of one message, where copies are joined; and whose copy gave the record its name.
ALTER TABLE activity ADD COLUMN message_key BLOB;
ALTER TABLE activity ADD COLUMN message_user TEXT;
CREATE INDEX activity_by_message ON activity (tenant_id, message_key) WHERE message_key IS NOT NULL;
