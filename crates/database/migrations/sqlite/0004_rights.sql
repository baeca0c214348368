-- Erased people and domains, by keyed hashes alone. Neither table refers to the connector: whoever was erased stays out after
-- a disconnect and a new connection, too.

-- Random keys of a tenant's, sealed. They are sealed anew when the installation's key changes, and never replaced.
CREATE TABLE tenant_secret (
    tenant_id TEXT NOT NULL,
    name      TEXT NOT NULL,
    sealed    BLOB NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- `all` is no suppression: it says when everything was erased, so that a backup from before is known.
CREATE TABLE suppression (
    tenant_id TEXT NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('person', 'domain', 'all')),
    hash      BLOB NOT NULL,
    made_at   TEXT NOT NULL,
    -- When what was stored was purged. Null: it has to be, before anything is read or printed.
    purged_at TEXT,
    PRIMARY KEY (tenant_id, kind, hash)
);
