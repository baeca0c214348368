//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::{ContextKind, ErrorKind};
use clap::{Parser, Subcommand, ValueEnum};
use m365_model::{EntraTenantId, GraphUserId, TenantId, UserId};
use m365_store::feed::Cursor;

use crate::exit::Exit;

/// Turns a company's Microsoft 365 meetings and mail metadata into engagement records: only people on the domains that
/// you name, never a body, nothing before the agreement is accepted.
#[derive(Debug, Parser)]
#[command(name = "m365-connector", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// Whose connector it is
    #[arg(long, global = true, default_value = "default", value_name = "ID")]
    pub tenant: TenantId,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
The order of set-up: migrate, connect, dpa accept, allowlist add, sync, activities.
To see all of it on an invented tenant, with nothing to set: m365-connector demo

The environment:
  CONNECTOR_ENCRYPTION_KEY   64 hex digits; make one with openssl rand -hex 32
  DATABASE_URL               sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE
  O365_CLIENT_ID             the application (client) id of the registration in Entra
  O365_CLIENT_SECRET         the value of its client secret
Each secret may stand in a file that NAME_FILE names.

Exit codes:
  0  done
  1  failed
  2  wrong usage or configuration
  3  blocked by the agreement
  4  Microsoft refused the credentials, or granted nothing that can be read
  5  done, but some mailboxes failed or a permission is missing";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create or upgrade the database; safe to repeat
    Migrate,
    /// Bind a Microsoft 365 (Entra) tenant
    Connect {
        /// The Entra tenant's id, a GUID
        #[arg(long, value_name = "GUID")]
        entra_tenant_id: EntraTenantId,
        /// The company's own domain: its people are never recorded
        #[arg(long, value_name = "DOMAIN")]
        tenant_domain: String,
    },
    /// Disconnect Microsoft 365: nothing is read any more
    #[command(group(clap::ArgGroup::new("records").required(true).args(["purge", "keep"])))]
    Disconnect {
        /// Delete the connection with everything that was read and set
        #[arg(long)]
        purge: bool,
        /// Keep the records, the lists and the settings
        #[arg(long)]
        keep: bool,
    },
    /// Who may use this installation, and whose Microsoft tenant is whose
    #[command(subcommand)]
    Tenants(Tenants),
    /// Show, accept or withdraw the data processing agreement
    #[command(subcommand)]
    Dpa(Dpa),
    /// The external domains whose people are let through
    #[command(subcommand)]
    Allowlist(AllowList),
    /// People and domains that are kept out though the list would let them in; reversible
    #[command(subcommand)]
    Exclude(Exclude),
    /// Which mailboxes are read, and what became of their items; lists them unless told otherwise
    Mailboxes {
        /// As JSON, one mailbox a line, with its folders
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        command: Option<Mailboxes>,
    },
    /// Show or change settings
    #[command(subcommand)]
    Config(Config),
    /// Read what is new in every mailbox
    Sync {
        /// Print the run summary as JSON
        #[arg(long)]
        json: bool,
    },
    /// What a sync would keep and drop, by reason and by domain; reads live data, stores nothing
    Preview {
        /// Domains to try besides those on the list
        #[arg(long, value_name = "DOMAIN", num_args = 1..)]
        add: Vec<String>,
        /// Try the subdomains of those, too
        #[arg(long, requires = "add")]
        subdomains: bool,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the stored records by time
    Activities {
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Ndjson)]
        format: Format,
        /// Only what happened then or later, such as 2026-03-02T15:00:00Z
        #[arg(long, value_name = "T")]
        since: Option<jiff::Timestamp>,
        /// Meetings that have not begun, too
        #[arg(long)]
        include_upcoming: bool,
        /// The feed for loaders instead: a JSON line for each record that appeared, changed or went away, in that order
        #[arg(long, conflicts_with_all = ["since", "include_upcoming"])]
        changes: bool,
        /// Only what stands behind this cursor: the one of the last line that was loaded
        #[arg(long, requires = "changes", value_name = "CURSOR")]
        after: Option<Cursor>,
    },
    /// Erase a person, a domain, or everything that was read; prints a receipt
    Erase {
        #[command(flatten)]
        whom: Whom,
        /// Print the receipt as JSON
        #[arg(long)]
        json: bool,
    },
    /// See what stands in the way, and what to do about it
    Health {
        /// Print the checks as JSON
        #[arg(long)]
        json: bool,
    },
    /// Move an installation to another database, checked row for row
    Copy {
        /// The database that holds it
        #[arg(long, value_name = "URL")]
        from: String,
        /// A new database: it is set up by this command
        #[arg(long, value_name = "URL")]
        to: String,
    },
    /// Change the encryption key
    #[command(subcommand)]
    Keys(Keys),
    /// Run the Microsoft Graph and Entra ID simulator alone; the first line printed is its URL
    Simulate(Simulate),
    /// Open the dashboard, and sync on schedule: in this process, or on Temporal where TEMPORAL_ADDRESS is set
    Serve,
    /// Do the syncs that Temporal hands out
    Worker,
    /// Print a link that signs the local administrator in, once
    SignInLink,
    /// Do the whole job on an invented tenant; nothing leaves this machine
    Demo {
        /// Print the result and end, instead of leaving the simulator running
        #[arg(long)]
        once: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Tenants {
    /// Print the tenants, with the Microsoft tenants that belong to them or wait for a confirmation
    List,
    /// Let a tenant use this installation, such as a Clerk organization
    Add {
        /// Its id
        #[arg(value_name = "ORG")]
        org: TenantId,
    },
    /// Confirm that a Microsoft tenant belongs to --tenant, where a sign-in could not prove it
    Confirm {
        /// The Entra tenant's id, a GUID
        #[arg(long, value_name = "GUID")]
        entra_tenant_id: EntraTenantId,
    },
    /// Give a Microsoft tenant that was disconnected to another tenant
    Move {
        /// The Entra tenant's id, a GUID
        #[arg(long, value_name = "GUID")]
        entra_tenant_id: EntraTenantId,
        /// Who is to have it
        #[arg(long, value_name = "ORG")]
        to: TenantId,
    },
}

#[derive(Debug, Subcommand)]
pub enum Dpa {
    /// Print the text of the agreement that is in force
    Show,
    /// Accept the agreement for the company
    Accept {
        /// Who accepts: a user id, not an address
        #[arg(long, value_name = "ID")]
        user: UserId,
        /// Where people sign in with Clerk: vouch for the company's yes; it is recorded as the operator's
        #[arg(long)]
        attest: bool,
    },
    /// Withdraw the acceptance: reading stops at once
    Withdraw {
        /// Who withdraws
        #[arg(long, value_name = "ID")]
        user: UserId,
    },
    /// Print where the agreement stands
    Status,
}

#[derive(Debug, Subcommand)]
pub enum AllowList {
    /// Print the list
    List,
    /// Add domains, all or none
    Add {
        /// Domains such as acme.com
        #[arg(required = true, value_name = "DOMAIN")]
        domains: Vec<String>,
        /// Let their subdomains through too
        #[arg(long)]
        subdomains: bool,
        /// Add free-mail domains without asking again
        #[arg(long)]
        yes: bool,
    },
    /// Make the list say what a file says: one domain a line, `--subdomains` behind it where they count too, # for remarks
    Apply {
        /// The file; - for stdin
        #[arg(value_name = "FILE")]
        file: std::path::PathBuf,
        /// Say what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Add free-mail domains without asking again
        #[arg(long)]
        yes: bool,
    },
    /// Close an entry: nobody new is let in by it; what it let in stays or goes
    #[command(group(clap::ArgGroup::new("leftovers").required(true).args(["purge", "keep"])))]
    Remove {
        /// The domain
        #[arg(value_name = "DOMAIN")]
        domain: String,
        /// Take whoever it let in out of the records
        #[arg(long)]
        purge: bool,
        /// Keep the records that it let in
        #[arg(long)]
        keep: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Exclude {
    /// Print them
    List,
    /// Keep addresses or domains out from now on; what is stored of them stays
    Add {
        /// Addresses or domains; with -, they come on stdin, one a line, and stay out of the shell's history
        #[arg(required = true, value_name = "ADDRESS|DOMAIN|-")]
        who: Vec<String>,
    },
    /// Let the allow-list decide about them again; the next sync reads the look-back window for them
    Remove {
        /// Addresses or domains; with -, they come on stdin, one a line
        #[arg(required = true, value_name = "ADDRESS|DOMAIN|-")]
        who: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Mailboxes {
    /// Print them
    List,
    /// Read these mailboxes
    Include {
        /// The users' object ids in Entra
        #[arg(required = true, value_name = "ID")]
        ids: Vec<GraphUserId>,
    },
    /// Do not read these mailboxes; what was read of them stays
    Exclude {
        /// The users' object ids in Entra
        #[arg(required = true, value_name = "ID")]
        ids: Vec<GraphUserId>,
    },
}

/// Exactly one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Whom {
    /// One person; with -, the address comes on stdin and stays out of the shell's history
    #[arg(long, value_name = "EMAIL|-")]
    pub person: Option<String>,
    /// Everyone of a domain and its subdomains
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// Everything that was read; the connection stays
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Encrypt everything under CONNECTOR_ENCRYPTION_KEY; the key used so far goes to CONNECTOR_ENCRYPTION_KEY_PREVIOUS
    Rotate,
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print what is set
    Show {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a setting
    Set {
        /// Its name, as config show prints it
        name: String,
        /// Its new value; several domains are separated by commas
        value: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line
    Ndjson,
    /// A table for spreadsheets
    Csv,
}

#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// Where to listen: loopback only
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Speak https, with a certificate made for the occasion; what clients must trust is written here
    #[arg(long, value_name = "FILE")]
    pub tls: Option<PathBuf>,
    /// The invented tenant is drawn from it
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// How many mailboxes
    #[arg(long, default_value_t = 12, value_name = "N")]
    pub mailboxes: usize,
    /// How many messages a mailbox
    #[arg(long, default_value_t = 120, value_name = "N")]
    pub messages: usize,
    /// How many meetings a mailbox
    #[arg(long, default_value_t = 30, value_name = "N")]
    pub meetings: usize,
}

/// Says what was typed wrongly, without repeating a value: it may be an address or a secret.
pub fn refused(error: &clap::Error) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A reader who is gone has seen enough.
        error.print().ok();
        return Exit::Done;
    }
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    let text = match (error.kind(), std::error::Error::source(error)) {
        (ErrorKind::ValueValidation, Some(reason)) => format!("error: {argument}: {reason}"),
        _ => error.render().to_string(),
    };
    if text.contains('@') {
        eprintln!("error: an argument is not one that this command takes; see --help");
    } else {
        eprintln!("{}", text.trim_end());
    }
    Exit::Usage
}
