//! How long reading takes when there are many records: `make bench`.
//!
//! It fills a database with records of several tenants by straight SQL, asks for the newest page of one tenant, for one
//! person's records and for the feed's next page, each many times at random places, and prints the times and the engines'
//! plans. To measure one more question, add it to `questions`.

mod fill;
mod plans;

use std::time::{Duration, Instant};

use clap::Parser;
use m365_database::Database;
use m365_model::{Entropy as _, SeededEntropy, Surroundings, TenantId};
use m365_privacy::TypedAddress;
use m365_store::filter::Filter;
use m365_store::reading::PageOf;
use m365_store::{Crypter, MasterKey, Store, StoreError};

/// How long reading takes when there are many records.
#[derive(Debug, Parser)]
struct Options {
    /// How many records
    #[arg(long, default_value_t = 10_000_000)]
    records: i64,
    /// How many tenants
    #[arg(long, default_value_t = 20)]
    tenants: i64,
    /// How many times each question is asked
    #[arg(long, default_value_t = 200)]
    times: usize,
    /// A PostgreSQL server; without it SQLite alone is measured
    #[arg(long)]
    postgres: Option<String>,
    /// Fill the PostgreSQL server's database and ask nothing: the next time it is found filled
    #[arg(long, requires = "postgres")]
    fill: bool,
}

/// How many records a page has.
const PAGE: u16 = 50;
/// How many lines of the feed a loader takes at a time.
const FEED_PAGE: usize = 500;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    if let Some(url) = options.postgres.as_ref().filter(|_| options.fill) {
        filled(url, &options).await?.close().await;
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    println!("# Reading among {} records of {} tenants\n", options.records, options.tenants);
    let url = format!("sqlite://{}", folder.path().join("bench.db").display());
    measure("SQLite", &url, &options).await?;
    if let Some(url) = &options.postgres {
        measure("PostgreSQL", url, &options).await?;
    }
    Ok(())
}

async fn measure(engine: &str, url: &str, options: &Options) -> Result<(), Failure> {
    let database = filled(url, options).await?;
    println!("## {engine}\n");
    let key = MasterKey::from_hex(&"ab".repeat(32).into())?;
    let store = Store::new(database.clone(), Crypter::new(key, Vec::new()));
    questions(&store, options).await?;
    println!("```");
    for line in plans::explain(&database, &fill::tenant(0)).await? {
        println!("{line}");
    }
    println!("```\n");
    database.close().await;
    Ok(())
}

/// The database, filled unless it was found so.
async fn filled(url: &str, options: &Options) -> Result<Database, Failure> {
    let database = Database::open(url, Surroundings::system()).await?;
    database.migrate().await?;
    if database.tenants().await?.is_empty() {
        fill::fill(&database, options.tenants, options.records / options.tenants).await?;
    }
    Ok(database)
}

async fn questions(store: &Store, options: &Options) -> Result<(), Failure> {
    let chance = SeededEntropy::new(1);
    let tenant = |n: u64| fill::tenant(i64::try_from(n).unwrap_or_default());
    let tenants = options.tenants.unsigned_abs();
    println!("| question | median ms | 95 % ms | most ms |\n|---|--:|--:|--:|");
    let mut newest = Vec::new();
    let mut of_person = Vec::new();
    let mut next_changes = Vec::new();
    let mut cursor = None;
    for _ in 0..options.times {
        let tenant = tenant(chance.below(tenants));
        newest.push(page(store, &tenant, None).await?);
        let person: TypedAddress = fill::person(chance.below(fill::PEOPLE)).parse()?;
        of_person.push(page(store, &tenant, Some(&person)).await?);
    }
    let loader = fill::tenant(0);
    for _ in 0..options.times {
        let began = Instant::now();
        let mut lines = 0;
        let mut last = None;
        let visited = store
            .each_change(&loader, cursor.clone(), |change| {
                lines += 1;
                last = Some(change.cursor.clone());
                if lines == FEED_PAGE { Err(Enough::Enough) } else { Ok(()) }
            })
            .await;
        next_changes.push(began.elapsed());
        if let Err(Enough::Store(error)) = visited {
            return Err(error.into());
        }
        cursor = last.or(cursor);
    }
    row("the newest page of a tenant", newest);
    row("the newest page of a person", of_person);
    row("the feed's next 500 lines", next_changes);
    println!();
    Ok(())
}

/// Why a visit of the feed ends.
enum Enough {
    Enough,
    Store(StoreError),
}

impl From<StoreError> for Enough {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn page(store: &Store, tenant: &TenantId, person: Option<&TypedAddress>) -> Result<Duration, Failure> {
    let began = Instant::now();
    let mut seen = 0;
    let filter = Filter { person: person.cloned(), ..Filter::default() };
    let page = PageOf { filter, limit: PAGE, ..PageOf::default() };
    store
        .records_page(tenant, &page, |_| {
            seen += 1;
            Ok::<_, StoreError>(())
        })
        .await?;
    let took = began.elapsed();
    if seen == 0 { Err("a question found nothing: the filling is wrong".into()) } else { Ok(took) }
}

fn row(question: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).copied().unwrap_or_default();
    let ms = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1000.0);
    println!("| {question} | {} | {} | {} |", ms(at(50)), ms(at(95)), ms(at(100)));
}
