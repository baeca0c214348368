-- SQLite guesses nothing from tenants: it keeps no list of common values. Its twin for PostgreSQL has work to do.
SELECT 1;
