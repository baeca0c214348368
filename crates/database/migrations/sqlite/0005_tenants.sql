-- Which tenants there are. The one table that is read without a tenant: it holds nothing but their ids.
CREATE TABLE tenant (
    tenant_id   TEXT NOT NULL PRIMARY KEY,
    admitted_at TEXT NOT NULL
);
INSERT INTO tenant (tenant_id, admitted_at) SELECT tenant_id, connected_at FROM o365_config;
