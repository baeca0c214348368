//! The rights of people: whoever is erased is gone, everywhere, and stays away. On SQLite, and on PostgreSQL where
//! `TEST_POSTGRES_URL` names a server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod domains;
mod erasure;
mod ground;
mod ledger;
mod limits;
mod schema;
mod staying_out;
