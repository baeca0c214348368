-- Which tenants there are. The one table that is read without a tenant, and so without row-level security: it holds nothing
-- but their ids.
CREATE TABLE tenant (
    tenant_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    admitted_at TEXT COLLATE "C" NOT NULL
);
-- The owner may look at every tenant for as long as this migration lasts.
ALTER TABLE o365_config NO FORCE ROW LEVEL SECURITY;
INSERT INTO tenant (tenant_id, admitted_at) SELECT tenant_id, connected_at FROM o365_config;
ALTER TABLE o365_config FORCE ROW LEVEL SECURITY;
