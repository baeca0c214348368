//! No table is forgotten.

use std::collections::BTreeSet;

use m365_database::Dialect;
use m365_store::erase::{ERASURE_TABLES, TableRule};

use crate::ground::on_both;

/// Fails when a table is added to the schema, or taken out of the list.
#[test]
fn every_table_of_the_schema_has_a_rule_and_every_rule_a_table() {
    on_both(async |ground| {
        let sql = match ground.store.database().dialect() {
            Dialect::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            Dialect::Postgres => {
                "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'"
            }
        };
        let schema: BTreeSet<String> = ground.texts(sql).await.into_iter().collect();
        let listed: BTreeSet<String> = ERASURE_TABLES.iter().map(|(table, _)| (*table).to_owned()).collect();
        assert_eq!(listed, schema);
        assert_eq!(listed.len(), ERASURE_TABLES.len(), "a table is listed twice");
    });
}

/// Fails when a column for an address or a subject is added to a table that is kept.
#[test]
fn what_is_kept_has_no_column_for_a_person() {
    on_both(async |ground| {
        for (table, rule) in ERASURE_TABLES {
            if matches!(rule, TableRule::Purged) {
                continue;
            }
            let sql = match ground.store.database().dialect() {
                Dialect::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
                Dialect::Postgres => format!(
                    "SELECT CAST(column_name AS TEXT) FROM information_schema.columns WHERE table_name = '{table}'"
                ),
            };
            for column in ground.texts(&sql).await {
                let holds_people = ["address", "email", "subject", "person", "organizer", "external_id"];
                assert!(!holds_people.iter().any(|word| column.contains(word)), "{table}.{column}");
            }
        }
    });
}
