//! The feed for loaders, on SQLite, and on PostgreSQL where `TEST_POSTGRES_URL` names a server.

mod ground;
mod histories;
mod migration;
mod rules;
