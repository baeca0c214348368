-- Who may sign in, and whose Microsoft tenant is whose. Columns named `..._hash` or `..._key` hold SHA-256 of secrets, in hex:
-- none of the secrets themselves is here.

-- How people sign in: decided once, for the whole installation.
CREATE TABLE installation (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    sign_in    TEXT COLLATE "C" NOT NULL CHECK (sign_in IN ('local', 'clerk')),
    settled_at TEXT COLLATE "C" NOT NULL
);

-- Links that open a session, once. A row is deleted when its link is used.
CREATE TABLE sign_in_link (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    link_hash  TEXT COLLATE "C" NOT NULL,
    made_at    TEXT COLLATE "C" NOT NULL,
    expires_at TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, link_hash)
);

-- Sessions of the local administrator.
CREATE TABLE local_session (
    tenant_id   TEXT COLLATE "C" NOT NULL,
    session_key TEXT COLLATE "C" NOT NULL,
    user_id     TEXT COLLATE "C" NOT NULL,
    opened_at   TEXT COLLATE "C" NOT NULL,
    expires_at  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, session_key)
);

-- Invitations of an administrator of the Microsoft tenant, who has no account here.
CREATE TABLE invitation (
    tenant_id   TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    secret_hash TEXT COLLATE "C" NOT NULL,
    made_by     TEXT COLLATE "C" NOT NULL,
    made_at     TEXT COLLATE "C" NOT NULL,
    expires_at  TEXT COLLATE "C" NOT NULL,
    used_at     TEXT COLLATE "C",
    revoked_at  TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, secret_hash)
);

-- One row for each time that somebody was sent to Microsoft: what must come back, to which browser, once. A used row stays
-- for a while, so that a second answer is told apart from a foreign one.
CREATE TABLE consent_state (
    tenant_id       TEXT COLLATE "C" NOT NULL,
    state_key       TEXT COLLATE "C" NOT NULL,
    purpose         TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('sign_in', 'consent')),
    user_id         TEXT COLLATE "C" NOT NULL,
    -- Null for whoever was invited.
    session_key     TEXT COLLATE "C",
    invitation_id   TEXT COLLATE "C",
    browser_hash    TEXT COLLATE "C" NOT NULL,
    sealed_nonce    BYTEA,
    sealed_verifier BYTEA,
    -- The tenant that a sign-in has proven, or an operator confirmed.
    entra_tenant_id TEXT COLLATE "C",
    -- The company's domain, where somebody named it.
    tenant_domain   TEXT COLLATE "C",
    made_at         TEXT COLLATE "C" NOT NULL,
    expires_at      TEXT COLLATE "C" NOT NULL,
    used_at         TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, state_key),
    CHECK ((session_key IS NULL) = (invitation_id IS NOT NULL)),
    CHECK ((purpose = 'consent') = (entra_tenant_id IS NOT NULL)),
    CHECK ((sealed_nonce IS NOT NULL) = (purpose = 'sign_in' AND used_at IS NULL)),
    CHECK ((sealed_verifier IS NOT NULL) = (sealed_nonce IS NOT NULL))
);

-- Which Microsoft tenants a tenant may bind, and by what proof: an administrator's sign-in, or an operator's word where the
-- sign-in did not tell. Unconfirmed: somebody waits for the operator.
CREATE TABLE entra_confirmation (
    tenant_id       TEXT COLLATE "C" NOT NULL,
    entra_tenant_id TEXT COLLATE "C" NOT NULL,
    reason          TEXT COLLATE "C" NOT NULL CHECK (reason IN ('administrator', 'roles_not_told', 'not_an_administrator', 'operator')),
    tenant_domain   TEXT COLLATE "C",
    asked_by        TEXT COLLATE "C" NOT NULL,
    asked_at        TEXT COLLATE "C" NOT NULL,
    confirmed_by    TEXT COLLATE "C",
    confirmed_at    TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, entra_tenant_id),
    CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL)),
    CHECK (confirmed_at IS NOT NULL OR reason IN ('roles_not_told', 'not_an_administrator'))
);

-- One Microsoft tenant belongs to one tenant here. It is read without a tenant, like `tenant`, and holds nothing but ids. A row
-- outlives the connection: only an operator gives a Microsoft tenant to another.
CREATE TABLE entra_owner (
    entra_tenant_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id       TEXT COLLATE "C" NOT NULL REFERENCES tenant (tenant_id),
    since           TEXT COLLATE "C" NOT NULL
);
-- The owner may look at every tenant for as long as this migration lasts.
ALTER TABLE o365_config NO FORCE ROW LEVEL SECURITY;
-- Where two tenants had connected the same one, it belongs to the first.
INSERT INTO entra_owner (entra_tenant_id, tenant_id, since)
    SELECT mine.entra_tenant_id, mine.tenant_id, mine.connected_at FROM o365_config AS mine
    WHERE NOT EXISTS (SELECT 1 FROM o365_config AS other WHERE other.entra_tenant_id = mine.entra_tenant_id
        AND (other.connected_at < mine.connected_at
            OR (other.connected_at = mine.connected_at AND other.tenant_id < mine.tenant_id)));
ALTER TABLE o365_config FORCE ROW LEVEL SECURITY;

-- A tenant's own text of the agreement, where it has one.
CREATE TABLE customer_agreement (
    tenant_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    version     TEXT COLLATE "C" NOT NULL,
    text        TEXT COLLATE "C" NOT NULL,
    text_sha256 TEXT COLLATE "C" NOT NULL,
    set_at      TEXT COLLATE "C" NOT NULL,
    set_by      TEXT COLLATE "C" NOT NULL
);

-- Nothing is read or recorded for a connector that was disconnected; what was recorded stays where it was to be kept.
ALTER TABLE o365_config ADD COLUMN disconnected_at TEXT COLLATE "C";
-- When an administrator stopped the syncs that run by themselves.
ALTER TABLE o365_config ADD COLUMN schedule_paused_at TEXT COLLATE "C";
-- The day on which the application's secret ends, as an administrator noted it: Microsoft does not tell.
ALTER TABLE o365_config ADD COLUMN secret_expires_on TEXT COLLATE "C";

ALTER TABLE sign_in_link ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_link FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON sign_in_link
    USING (tenant_id = current_setting('m365.tenant', true))
    WITH CHECK (tenant_id = current_setting('m365.tenant', true));

ALTER TABLE local_session ENABLE ROW LEVEL SECURITY;
ALTER TABLE local_session FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON local_session
    USING (tenant_id = current_setting('m365.tenant', true))
    WITH CHECK (tenant_id = current_setting('m365.tenant', true));

ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON invitation
    USING (tenant_id = current_setting('m365.tenant', true))
    WITH CHECK (tenant_id = current_setting('m365.tenant', true));

ALTER TABLE consent_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_state FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON consent_state
    USING (tenant_id = current_setting('m365.tenant', true))
    WITH CHECK (tenant_id = current_setting('m365.tenant', true));

ALTER TABLE entra_confirmation ENABLE ROW LEVEL SECURITY;
ALTER TABLE entra_confirmation FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON entra_confirmation
    USING (tenant_id = current_setting('m365.tenant', true))
    WITH CHECK (tenant_id = current_setting('m365.tenant', true));

ALTER TABLE customer_agreement ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_agreement FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON customer_agreement
    USING (tenant_id = current_setting('m365.tenant', true))
    WITH CHECK (tenant_id = current_setting('m365.tenant', true));
