-- The tables of the ground floor. Instants are RFC 3339 text in UTC with whole seconds, so that text order is time
-- order. Columns named `sealed` hold AES-256-GCM ciphertext. Keys named `..._key` are the first 16 bytes of a SHA-256:
-- Graph's own ids are some 150 characters long and differ in case, too heavy for the index of a hot table.

-- One row a connector.
CREATE TABLE o365_config (
    tenant_id               TEXT NOT NULL PRIMARY KEY,
    connector_id            TEXT NOT NULL UNIQUE,
    entra_tenant_id         TEXT NOT NULL,
    tenant_domain           TEXT NOT NULL,
    connected_at            TEXT NOT NULL,
    -- The acceptance that stands, if one does. Its id is new each time: a run's proof names it, and every write checks it.
    dpa_acceptance_id       TEXT,
    dpa_accepted_at         TEXT,
    dpa_accepted_by_user_id TEXT,
    dpa_version             TEXT,
    dpa_text_sha256         TEXT,
    dpa_withdrawn_at        TEXT,
    dpa_withdrawn_by_user_id TEXT,
    -- Moves with every change of the allow-list, so that a page filtered by an older list is never stored.
    allow_list_version      INTEGER NOT NULL DEFAULT 0,
    -- Moves when the look-back window must be read again: a domain was added, or a setting changed what is read.
    window_version          INTEGER NOT NULL DEFAULT 0,
    mailbox_wide_delta_refused_at TEXT,
    CHECK ((dpa_acceptance_id IS NULL) = (dpa_accepted_at IS NULL OR dpa_withdrawn_at IS NOT NULL))
);

CREATE TABLE setting (
    tenant_id TEXT NOT NULL REFERENCES o365_config (tenant_id),
    name      TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- Entries are closed, not deleted: a record's participant refers to the entry that let him in.
CREATE TABLE allowed_external_domain (
    id                 INTEGER PRIMARY KEY,
    tenant_id          TEXT NOT NULL REFERENCES o365_config (tenant_id),
    domain             TEXT NOT NULL,
    include_subdomains INTEGER NOT NULL,
    added_at           TEXT NOT NULL,
    added_by           TEXT NOT NULL,
    closed_at          TEXT,
    closed_by          TEXT
);
CREATE UNIQUE INDEX allowed_external_domain_open ON allowed_external_domain (tenant_id, domain) WHERE closed_at IS NULL;

-- The company's own domains. `source` is `configured`, `verified` or `member`.
CREATE TABLE internal_domain (
    tenant_id TEXT NOT NULL REFERENCES o365_config (tenant_id),
    domain    TEXT NOT NULL,
    source    TEXT NOT NULL,
    seen_at   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, domain, source)
);

CREATE TABLE mailbox (
    id             INTEGER PRIMARY KEY,
    tenant_id      TEXT NOT NULL REFERENCES o365_config (tenant_id),
    graph_user_id  TEXT NOT NULL,
    -- `new`, `synced`, `skipped`, `failed`
    state          TEXT NOT NULL,
    state_code     TEXT,
    first_seen_at  TEXT NOT NULL,
    last_synced_at TEXT,
    UNIQUE (tenant_id, graph_user_id)
);

-- Folders by Graph's id; no display name. `skipped_as` names the well-known folder whose contents are not read.
CREATE TABLE mail_folder (
    id         INTEGER PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES o365_config (tenant_id),
    mailbox_id INTEGER NOT NULL REFERENCES mailbox (id),
    folder_id  TEXT NOT NULL,
    skipped_as TEXT,
    UNIQUE (mailbox_id, folder_id)
);

-- One row a stream. The link and what it brought are written in one transaction, by compare-and-swap on `version`.
CREATE TABLE delta_state (
    id                 INTEGER PRIMARY KEY,
    tenant_id          TEXT NOT NULL REFERENCES o365_config (tenant_id),
    mailbox_id         INTEGER NOT NULL REFERENCES mailbox (id),
    -- `calendar`, `mail_folder`, `mail_backfill`
    kind               TEXT NOT NULL,
    -- 0 for a calendar
    folder_row         INTEGER NOT NULL DEFAULT 0,
    version            INTEGER NOT NULL,
    sealed_link        BLOB,
    -- Whether the link leads to the rest of a round (`next`) or to the next one (`delta`).
    link_kind          TEXT,
    -- A round that began without a link reads everything in the window; its number marks what it saw.
    round              INTEGER NOT NULL,
    round_is_full      INTEGER NOT NULL,
    round_items        INTEGER NOT NULL DEFAULT 0,
    window_start       TEXT NOT NULL,
    window_end         TEXT,
    window_version     INTEGER NOT NULL,
    updated_at         TEXT NOT NULL,
    UNIQUE (mailbox_id, kind, folder_row)
);

CREATE TABLE token_cache (
    tenant_id  TEXT NOT NULL REFERENCES o365_config (tenant_id),
    name       TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- One row for each copy of a meeting in a mailbox: filtered people only. What was private or cancelled keeps its keys
-- alone, because it speaks for the copies in other mailboxes too. A series master is no meeting; its occurrences take
-- from it what they lack.
CREATE TABLE event_copy (
    id                 INTEGER PRIMARY KEY,
    tenant_id          TEXT NOT NULL REFERENCES o365_config (tenant_id),
    mailbox_id         INTEGER NOT NULL REFERENCES mailbox (id),
    event_key          BLOB NOT NULL,
    event_id           TEXT,
    -- `single`, `occurrence`, `exception`, `master`
    kind               TEXT NOT NULL,
    -- `standing`, `waiting` (for its master), `private`, `cancelled`
    state              TEXT NOT NULL,
    master_key         BLOB,
    -- Graph's id of the master, kept only while waiting for it.
    master_id          TEXT,
    -- The same for every copy of one meeting; null for masters and while waiting.
    meeting_key        BLOB,
    -- What tells this meeting from the others of its series: the day that it has there.
    place              TEXT,
    -- A master's share of the meeting keys of its occurrences.
    series_key         BLOB,
    -- When a cancelled series was cancelled: its occurrences from then on did not take place.
    cancelled_at       TEXT,
    is_organizer       INTEGER NOT NULL DEFAULT 0,
    starts_at          TEXT,
    ends_at            TEXT,
    subject            TEXT,
    is_online          INTEGER,
    people_from_master INTEGER NOT NULL DEFAULT 0,
    attendee_count     INTEGER,
    organizer_email    TEXT,
    -- The entry that let an external organizer in; null for an internal one.
    organizer_entry_id INTEGER REFERENCES allowed_external_domain (id),
    round              INTEGER NOT NULL,
    UNIQUE (tenant_id, event_key)
);
CREATE INDEX event_copy_by_meeting ON event_copy (tenant_id, meeting_key) WHERE meeting_key IS NOT NULL;
CREATE INDEX event_copy_by_master ON event_copy (tenant_id, master_key) WHERE master_key IS NOT NULL;
CREATE INDEX event_copy_by_mailbox ON event_copy (mailbox_id, starts_at);

CREATE TABLE event_participant (
    copy_id   INTEGER NOT NULL REFERENCES event_copy (id),
    position  INTEGER NOT NULL,
    tenant_id TEXT NOT NULL,
    address   TEXT NOT NULL,
    entry_id  INTEGER NOT NULL REFERENCES allowed_external_domain (id),
    response  TEXT NOT NULL,
    PRIMARY KEY (copy_id, position)
);

-- The records. Meetings still to come are here too, and left out of the output until they begin.
CREATE TABLE activity (
    id                 INTEGER PRIMARY KEY,
    tenant_id          TEXT NOT NULL REFERENCES o365_config (tenant_id),
    activity_key       BLOB NOT NULL,
    external_id        TEXT NOT NULL,
    -- `meeting_attend`, `email_thread`
    type               TEXT NOT NULL,
    occurred_at        TEXT NOT NULL,
    person_external_id TEXT NOT NULL,
    entry_id           INTEGER NOT NULL REFERENCES allowed_external_domain (id),
    meeting_key        BLOB,
    subject            TEXT,
    duration_minutes   INTEGER,
    is_online          INTEGER,
    organizer_email    TEXT,
    organizer_entry_id INTEGER REFERENCES allowed_external_domain (id),
    attendee_count     INTEGER,
    response_status    TEXT,
    account_domain     TEXT,
    conversation_id    TEXT,
    participant_count  INTEGER,
    -- What the record says, in 16 bytes: an upsert that changes nothing writes nothing.
    digest             BLOB NOT NULL,
    created_at         TEXT NOT NULL,
    updated_at         TEXT NOT NULL,
    UNIQUE (tenant_id, activity_key)
);
CREATE INDEX activity_by_time ON activity (tenant_id, occurred_at, external_id);
CREATE INDEX activity_by_meeting ON activity (tenant_id, meeting_key) WHERE meeting_key IS NOT NULL;

-- The participants of a message after the first, who stands in the record itself.
CREATE TABLE activity_participant (
    activity_id INTEGER NOT NULL REFERENCES activity (id),
    position    INTEGER NOT NULL,
    tenant_id   TEXT NOT NULL,
    address     TEXT NOT NULL,
    entry_id    INTEGER NOT NULL REFERENCES allowed_external_domain (id),
    PRIMARY KEY (activity_id, position)
);

CREATE TABLE sync_run (
    -- Runs of one second have an order too.
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    tenant_id  TEXT NOT NULL REFERENCES o365_config (tenant_id),
    started_at TEXT NOT NULL,
    ended_at   TEXT,
    status     TEXT NOT NULL,
    -- The run summary: counts, codes and our own sentences.
    summary    TEXT
);
CREATE INDEX sync_run_by_number ON sync_run (tenant_id, number);

CREATE TABLE audit_event (
    id        INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    at        TEXT NOT NULL,
    actor     TEXT NOT NULL,
    action    TEXT NOT NULL,
    -- Domains, versions and counts; no person outside the company.
    detail    TEXT NOT NULL
);
