-- What is known of some tenants is no guess about a new one. From the most common tenants PostgreSQL concludes that one that it has not
-- counted yet has no rows, and then finds a row of it, whose number is told, by reading all rows of that tenant: a first sync
-- takes the square of its time. Without statistics of this column it takes every tenant for one of two hundred
-- (https://www.postgresql.org/docs/current/row-estimation-examples.html).
DO $$
DECLARE
    of_tenant regclass;
BEGIN
    FOR of_tenant IN
        SELECT a.attrelid::regclass FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attname = 'tenant_id'
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN tenant_id SET STATISTICS 0', of_tenant);
    END LOOP;
END $$;
