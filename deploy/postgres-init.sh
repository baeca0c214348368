#!/bin/sh
# Run once by PostgreSQL's image, on an empty volume: a user and a database for the connector, and a user for Temporal, who makes its
# databases itself. Neither is a superuser: row-level security does not hold for those.
set -eu
psql --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres --quiet \
  --set=connector="$(cat "${CONNECTOR_PASSWORD_FILE:?}")" --set=temporal="$(cat "${TEMPORAL_PASSWORD_FILE:?}")" <<'SQL'
CREATE ROLE connector LOGIN PASSWORD :'connector';
CREATE DATABASE connector OWNER connector;
REVOKE CONNECT ON DATABASE connector FROM PUBLIC;
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal';
SQL
