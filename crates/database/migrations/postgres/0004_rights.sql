-- Erased people and domains, by keyed hashes alone. Neither table refers to the connector: whoever was erased stays out after
-- a disconnect and a new connection, too.

-- Random keys of a tenant's, sealed. They are sealed anew when the installation's key changes, and never replaced.
CREATE TABLE tenant_secret (
    tenant_id TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    sealed    BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- `all` is no suppression: it says when everything was erased, so that a backup from before is known.
CREATE TABLE suppression (
    tenant_id TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL CHECK (kind IN ('person', 'domain', 'all')),
    hash      BYTEA NOT NULL,
    made_at   TEXT COLLATE "C" NOT NULL,
    -- When what was stored was purged. Null: it has to be, before anything is read or printed.
    purged_at TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, kind, hash)
);

ALTER TABLE tenant_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_secret FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON tenant_secret
    USING (tenant_id = current_setting('m365.tenant', true))
    WITH CHECK (tenant_id = current_setting('m365.tenant', true));

ALTER TABLE suppression ENABLE ROW LEVEL SECURITY;
ALTER TABLE suppression FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON suppression
    USING (tenant_id = current_setting('m365.tenant', true))
    WITH CHECK (tenant_id = current_setting('m365.tenant', true));
