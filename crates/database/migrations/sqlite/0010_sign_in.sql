-- Who may sign in, and whose Microsoft tenant is whose. Columns named `..._hash` or `..._key` hold SHA-256 of secrets, in hex:
-- none of the secrets themselves is here.

-- How people sign in: decided once, for the whole installation.
CREATE TABLE installation (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    sign_in    TEXT NOT NULL CHECK (sign_in IN ('local', 'clerk')),
    settled_at TEXT NOT NULL
);

-- Links that open a session, once. A row is deleted when its link is used.
CREATE TABLE sign_in_link (
    tenant_id  TEXT NOT NULL,
    link_hash  TEXT NOT NULL,
    made_at    TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (tenant_id, link_hash)
);

-- Sessions of the local administrator.
CREATE TABLE local_session (
    tenant_id   TEXT NOT NULL,
    session_key TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    opened_at   TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, session_key)
);

-- Invitations of an administrator of the Microsoft tenant, who has no account here.
CREATE TABLE invitation (
    tenant_id   TEXT NOT NULL,
    id          TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    made_by     TEXT NOT NULL,
    made_at     TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    used_at     TEXT,
    revoked_at  TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, secret_hash)
);

-- One row for each time that somebody was sent to Microsoft: what must come back, to which browser, once. A used row stays
-- for a while, so that a second answer is told apart from a foreign one.
CREATE TABLE consent_state (
    tenant_id       TEXT NOT NULL,
    state_key       TEXT NOT NULL,
    purpose         TEXT NOT NULL CHECK (purpose IN ('sign_in', 'consent')),
    user_id         TEXT NOT NULL,
    -- Null for whoever was invited.
    session_key     TEXT,
    invitation_id   TEXT,
    browser_hash    TEXT NOT NULL,
    sealed_nonce    BLOB,
    sealed_verifier BLOB,
    -- The tenant that a sign-in has proven, or an operator confirmed.
    entra_tenant_id TEXT,
    -- The company's domain, where somebody named it.
    tenant_domain   TEXT,
    made_at         TEXT NOT NULL,
    expires_at      TEXT NOT NULL,
    used_at         TEXT,
    PRIMARY KEY (tenant_id, state_key),
    CHECK ((session_key IS NULL) = (invitation_id IS NOT NULL)),
    CHECK ((purpose = 'consent') = (entra_tenant_id IS NOT NULL)),
    CHECK ((sealed_nonce IS NOT NULL) = (purpose = 'sign_in' AND used_at IS NULL)),
    CHECK ((sealed_verifier IS NOT NULL) = (sealed_nonce IS NOT NULL))
);

-- Which Microsoft tenants a tenant may bind, and by what proof: an administrator's sign-in, or an operator's word where the
-- sign-in did not tell. Unconfirmed: somebody waits for the operator.
CREATE TABLE entra_confirmation (
    tenant_id       TEXT NOT NULL,
    entra_tenant_id TEXT NOT NULL,
    reason          TEXT NOT NULL CHECK (reason IN ('administrator', 'roles_not_told', 'not_an_administrator', 'operator')),
    tenant_domain   TEXT,
    asked_by        TEXT NOT NULL,
    asked_at        TEXT NOT NULL,
    confirmed_by    TEXT,
    confirmed_at    TEXT,
    PRIMARY KEY (tenant_id, entra_tenant_id),
    CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL)),
    CHECK (confirmed_at IS NOT NULL OR reason IN ('roles_not_told', 'not_an_administrator'))
);

-- One Microsoft tenant belongs to one tenant here. It is read without a tenant, like `tenant`, and holds nothing but ids. A row
-- outlives the connection: only an operator gives a Microsoft tenant to another.
CREATE TABLE entra_owner (
    entra_tenant_id TEXT NOT NULL PRIMARY KEY,
    tenant_id       TEXT NOT NULL REFERENCES tenant (tenant_id),
    since           TEXT NOT NULL
);
-- Where two tenants had connected the same one, it belongs to the first.
INSERT INTO entra_owner (entra_tenant_id, tenant_id, since)
    SELECT mine.entra_tenant_id, mine.tenant_id, mine.connected_at FROM o365_config AS mine
    WHERE NOT EXISTS (SELECT 1 FROM o365_config AS other WHERE other.entra_tenant_id = mine.entra_tenant_id
        AND (other.connected_at < mine.connected_at
            OR (other.connected_at = mine.connected_at AND other.tenant_id < mine.tenant_id)));

-- A tenant's own text of the agreement, where it has one.
CREATE TABLE customer_agreement (
    tenant_id   TEXT NOT NULL PRIMARY KEY,
    version     TEXT NOT NULL,
    text        TEXT NOT NULL,
    text_sha256 TEXT NOT NULL,
    set_at      TEXT NOT NULL,
    set_by      TEXT NOT NULL
);

-- Nothing is read or recorded for a connector that was disconnected; what was recorded stays where it was to be kept.
ALTER TABLE o365_config ADD COLUMN disconnected_at TEXT;
-- When an administrator stopped the syncs that run by themselves.
ALTER TABLE o365_config ADD COLUMN schedule_paused_at TEXT;
-- The day on which the application's secret ends, as an administrator noted it: Microsoft does not tell.
ALTER TABLE o365_config ADD COLUMN secret_expires_on TEXT;
