//! A disk that runs full.

use std::path::Path;
use std::process::Command;

use crate::kit::{Kit, On};
use m365_database::DatabaseError;
use m365_store::StoreError;
use m365_sync::{Ended, SyncError, Unwatched};

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

/// A small disk in memory, mounted for as long as this stands.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this user may not mount, as anyone but root.
    fn mounted() -> Option<Self> {
        let disk = Self(tempfile::tempdir().expect("a folder"));
        run("mount", &["-t", "tmpfs", "-o", "size=64m,mode=700", "m365-test", disk.path()]).then_some(disk)
    }

    fn path(&self) -> &str {
        self.0.path().to_str().expect("a plain path")
    }

    /// Leaves so much room beside what is on it.
    fn leave_kilobytes(&self, spare: u64) {
        let out = Command::new("df").args(["--block-size=1K", "--output=used", self.path()]).output().expect("df");
        let text = String::from_utf8(out.stdout).expect("text");
        let used: u64 = text.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number");
        self.resize(used + spare);
    }

    fn resize(&self, kilobytes: u64) {
        assert!(run("mount", &["-o", &format!("remount,size={kilobytes}k"), self.path()]), "the disk keeps its size");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // At once, though a connection may still be closing its file.
        run("umount", &["--lazy", self.path()]);
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|out| out.status.success())
}

fn assert_full(error: &SyncError) {
    assert!(matches!(error, SyncError::Store(StoreError::Database(DatabaseError::Full))), "{error:?}");
    assert!(error.to_string().contains("make room"), "{error}");
}

async fn kit_on(on: &On) -> Kit {
    on.ready(&DOMAINS, |options| options.seed = 81).await
}

/// Fails when a connection on which SQLite has rolled back by itself is used again: nothing can be stored any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_the_next_run_makes_it_whole() {
    let Some(disk) = SmallDisk::mounted() else {
        println!("skipped: only root may mount a small disk");
        return;
    };
    let undisturbed = kit_on(&On::sqlite()).await;
    undisturbed.sync().await;
    let whole = undisturbed.records(true).await;
    assert!(whole.len() > 50);

    let kit = kit_on(&On::sqlite().under(Path::new(disk.path()))).await;
    // It runs full at the first page, in the middle, and again a little later.
    for spare in [8, 200, 100] {
        disk.leave_kilobytes(spare);
        assert_full(&kit.try_sync(&Unwatched).await.unwrap_err());
        disk.resize(64 << 10);
        let stored = kit.records(true).await;
        assert!(stored.len() < whole.len(), "it was not full in the middle: {} records", stored.len());
        // A meeting's record changes with each copy that comes in; a letter's does not.
        let mut letters = stored.iter().filter(|record| record["type"] == "email_thread");
        assert!(letters.all(|record| whole.contains(record)), "a part of a letter is stored");
    }
    assert_eq!(kit.sync().await.ended, Ended::Done);
    assert_eq!(kit.records(true).await, whole);
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
}
