-- The mailboxes of a run that several processes read together, for as long as the run lasts: how far each has come, and how it
-- ended. Counts, codes and ids of mailboxes.
CREATE TABLE run_mailbox (
    tenant_id  TEXT NOT NULL REFERENCES o365_config (tenant_id),
    run_id     TEXT NOT NULL REFERENCES sync_run (id),
    place      INTEGER NOT NULL CHECK (place >= 1),
    mailbox_id INTEGER NOT NULL REFERENCES mailbox (id),
    pages      INTEGER NOT NULL DEFAULT 0,
    seen       INTEGER NOT NULL DEFAULT 0,
    kept       INTEGER NOT NULL DEFAULT 0,
    requests   INTEGER NOT NULL DEFAULT 0,
    waiting    INTEGER NOT NULL DEFAULT 0,
    -- What it came to so far, in JSON.
    report     TEXT,
    is_done    INTEGER NOT NULL DEFAULT 0 CHECK (is_done IN (0, 1)),
    PRIMARY KEY (run_id, place)
);
-- When somebody asked a run to stop.
ALTER TABLE sync_run ADD COLUMN stop_asked_at TEXT;
-- What its beginning came to, in JSON, until it has ended.
ALTER TABLE sync_run ADD COLUMN opening TEXT;
