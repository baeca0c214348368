//! The `m365-connector` program.
//!
//! `cli` says what can be typed, `settings` reads the environment, each file under `commands` does what one command does,
//! and `exit` says how it ended. Data goes to stdout, everything for people to stderr. To add a command: a variant in
//! `cli`, a file under `commands`, a line in `commands::run`.

mod cli;
mod commands;
mod exit;
mod logging;
mod metrics;
mod output;
mod settings;
mod signals;
mod terminal;

use clap::Parser as _;

use crate::exit::Exit;
use crate::signals::Listener;

fn main() -> std::process::ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::refused(&error).into(),
    };
    // One TLS implementation for everything; a second call would only say that the first was made.
    rustls::crypto::ring::default_provider().install_default().ok();
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        eprintln!("error: the system gives no threads or sockets; nothing was started");
        return Exit::Failed.into();
    };
    let exit = runtime.block_on(async {
        let mut listener = Listener::new();
        let requests = listener.requests();
        // A sync, and whoever runs syncs, answers the first request itself: it stores what it has in hand.
        let patience = match cli.command {
            cli::Command::Sync { .. } | cli::Command::Serve | cli::Command::Worker => 2,
            _ => 1,
        };
        tokio::select! {
            exit = commands::run(cli, requests) => exit,
            () = listener.hear(patience) => {
                eprintln!("interrupted: what was stored stands, and the next sync goes on from there");
                Exit::Failed
            }
        }
    });
    runtime.shutdown_background();
    exit.into()
}
