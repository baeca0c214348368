-- The mailboxes of a run that several processes read together, for as long as the run lasts: how far each has come, and how it
-- ended. Counts, codes and ids of mailboxes.
CREATE TABLE run_mailbox (
    tenant_id  TEXT COLLATE "C" NOT NULL REFERENCES o365_config (tenant_id),
    run_id     TEXT COLLATE "C" NOT NULL REFERENCES sync_run (id),
    place      BIGINT NOT NULL CHECK (place >= 1),
    mailbox_id BIGINT NOT NULL REFERENCES mailbox (id),
    pages      BIGINT NOT NULL DEFAULT 0,
    seen       BIGINT NOT NULL DEFAULT 0,
    kept       BIGINT NOT NULL DEFAULT 0,
    requests   BIGINT NOT NULL DEFAULT 0,
    waiting    BIGINT NOT NULL DEFAULT 0,
    -- What it came to so far, in JSON.
    report     TEXT COLLATE "C",
    is_done    BIGINT NOT NULL DEFAULT 0 CHECK (is_done IN (0, 1)),
    PRIMARY KEY (run_id, place)
);
ALTER TABLE run_mailbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_mailbox FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON run_mailbox
    USING (tenant_id = current_setting('m365.tenant', true))
    WITH CHECK (tenant_id = current_setting('m365.tenant', true));
-- When somebody asked a run to stop.
ALTER TABLE sync_run ADD COLUMN stop_asked_at TEXT COLLATE "C";
-- What its beginning came to, in JSON, until it has ended.
ALTER TABLE sync_run ADD COLUMN opening TEXT COLLATE "C";
