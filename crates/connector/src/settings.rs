//! The environment: every mistake in it is named at once, with what is expected; a secret's value never.

mod temporal;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use m365_clerk::{ClerkSettings, KeySource};
use m365_database::DatabaseOptions;
use m365_graph::{Cloud, Credentials, Endpoints};
use m365_model::EntraTenantId;
use m365_store::{Crypter, MasterKey};
use m365_web::TrustedProxies;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::logging::Format;

/// Where variables come from: the process, or a table in tests.
pub trait Environment {
    /// The value of a variable; `None` when it is unset or empty.
    fn get(&self, name: &str) -> Option<String>;
}

/// The process's own environment.
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.trim().is_empty())
    }
}

/// What every command needs.
pub struct StoreSettings {
    /// The database.
    pub database_url: SecretString,
    /// Bounds on its connections.
    pub database_options: DatabaseOptions,
    /// The keys.
    pub crypter: Crypter,
    /// Where erasures are noted outside the database; beside a SQLite file when it is not said.
    pub erasure_ledger: Option<PathBuf>,
}

/// Where Microsoft sends people back to.
pub const CALLBACK: &str = "/connectors/microsoft-365/callback";

/// What the dashboard needs.
pub struct DashboardSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What browsers see.
    pub public_url: Url,
    /// Where Microsoft sends people back to.
    pub redirect_uri: Url,
    /// Where Microsoft's sign-in is, as an origin.
    pub authority: String,
    /// The application, once it is registered.
    pub microsoft: Option<MicrosoftSettings>,
    /// Clerk, where people sign in with it.
    pub clerk: Option<ClerkSettings>,
    /// The one Entra tenant that the installation serves, if it is pinned.
    pub pinned: Option<EntraTenantId>,
    /// Proxies in front of it, whose word on where a request comes from is believed.
    pub proxies: TrustedProxies,
}

/// Whether people may reach the dashboard so: by https, or on their own machine.
fn is_origin(url: &Url) -> bool {
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let is_local = url.scheme() == "http" && matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    is_bare && (is_local || url.scheme() == "https")
}

/// What a command needs that asks Microsoft.
pub struct MicrosoftSettings {
    /// Where Microsoft is.
    pub endpoints: Endpoints,
    /// Who the connector is.
    pub credentials: Credentials,
}

/// The mistakes that were found, each a sentence.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<String>);

impl Mistakes {
    fn add(&mut self, name: &str, what: impl std::fmt::Display) {
        self.0.push(format!("{name}: {what}"));
    }
}

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the configuration is not complete")?;
        for mistake in &self.0 {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

/// Reads the environment.
pub struct Reader<'e> {
    env: &'e dyn Environment,
    mistakes: Mistakes,
}

impl<'e> Reader<'e> {
    pub fn new(env: &'e dyn Environment) -> Self {
        Self { env, mistakes: Mistakes::default() }
    }

    /// What every command needs.
    pub fn store(&mut self) -> Option<StoreSettings> {
        let database_url = self.secret("DATABASE_URL").unwrap_or_else(|| "sqlite://m365-connector.db".into());
        if !["sqlite://", "postgres://", "postgresql://"].iter().any(|s| database_url.expose_secret().starts_with(s)) {
            self.mistakes.add("DATABASE_URL", "expected sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE");
        }
        let defaults = DatabaseOptions::default();
        let max_connections = self.number("DATABASE_MAX_CONNECTIONS", 2..=200, defaults.max_connections);
        let seconds = u32::try_from(defaults.timeout.as_secs()).unwrap_or(30);
        let timeout = Duration::from_secs(self.number("DATABASE_TIMEOUT_SECONDS", 1..=600, seconds).into());
        let database_options = DatabaseOptions { max_connections, timeout };
        let current = self.secret("CONNECTOR_ENCRYPTION_KEY");
        if current.is_none() && !self.mistakes.0.iter().any(|m| m.starts_with("CONNECTOR_ENCRYPTION_KEY_FILE")) {
            let what = "missing: expected 64 hexadecimal digits; make one with `openssl rand -hex 32` and keep it safe";
            self.mistakes.add("CONNECTOR_ENCRYPTION_KEY", what);
        }
        let current = current.and_then(|text| self.key("CONNECTOR_ENCRYPTION_KEY", &text));
        let previous = self.secret("CONNECTOR_ENCRYPTION_KEY_PREVIOUS");
        let previous: Vec<Option<MasterKey>> = previous
            .iter()
            .flat_map(|keys| keys.expose_secret().split(','))
            .map(|key| self.key("CONNECTOR_ENCRYPTION_KEY_PREVIOUS", &key.to_owned().into()))
            .collect();
        let crypter = Crypter::new(current?, previous.into_iter().collect::<Option<_>>()?);
        let erasure_ledger = self.env.get("ERASURE_LEDGER").map(PathBuf::from);
        Some(StoreSettings { database_url, database_options, crypter, erasure_ledger })
    }

    /// What a command needs that asks Microsoft.
    pub fn microsoft(&mut self) -> Option<MicrosoftSettings> {
        let endpoints = self.endpoints();
        let id = self.env.get("O365_CLIENT_ID");
        let certificate = self.certificate();
        let secret = if certificate.is_some() { None } else { self.secret("O365_CLIENT_SECRET") };
        if id.is_none() {
            self.mistakes
                .add("O365_CLIENT_ID", "missing: the application (client) id of the app registration in Entra");
        }
        if secret.is_none() && certificate.is_none() {
            let what = "missing: the value (not the id) of a client secret of the registration, or set \
                        O365_CLIENT_CERTIFICATE_FILE";
            self.mistakes.add("O365_CLIENT_SECRET", what);
        }
        let (made, names) = match (certificate, secret) {
            (Some(pem), _) => {
                (Credentials::with_certificate(&id?, &pem), "O365_CLIENT_ID, O365_CLIENT_CERTIFICATE_FILE")
            }
            (None, secret) => (Credentials::new(&id?, &secret?), "O365_CLIENT_ID, O365_CLIENT_SECRET"),
        };
        let credentials = match made {
            Ok(credentials) => Some(credentials),
            Err(error) => {
                self.mistakes.add(names, error);
                None
            }
        };
        Some(MicrosoftSettings { endpoints: endpoints?, credentials: credentials? })
    }

    /// What the dashboard needs. Without any of the application's credentials it shows how to get them.
    pub fn dashboard(&mut self) -> Option<DashboardSettings> {
        let listen = self.env.get("LISTEN_ADDR").unwrap_or_else(|| "127.0.0.1:8365".to_owned());
        let listen = listen.parse().ok();
        if listen.is_none() {
            self.mistakes.add("LISTEN_ADDR", "expected an address and a port, such as 127.0.0.1:8365");
        }
        let public_url = self.env.get("PUBLIC_URL").unwrap_or_else(|| "http://localhost:8365".to_owned());
        let public_url = Url::parse(&public_url).ok().filter(is_origin);
        if public_url.is_none() {
            let what = "expected https://HOST without a path, or http://localhost:PORT: Entra takes no other http";
            self.mistakes.add("PUBLIC_URL", what);
        }
        let public_url = public_url?;
        let redirect_uri = match self.env.get("O365_REDIRECT_URI") {
            None => public_url.join(CALLBACK).ok(),
            Some(text) => Url::parse(&text).ok().filter(|url| url.path() == CALLBACK),
        };
        if redirect_uri.is_none() {
            self.mistakes.add("O365_REDIRECT_URI", format_args!("expected the public URL with the path {CALLBACK}"));
        }
        let names = ["O365_CLIENT_ID", "O365_CLIENT_SECRET", "O365_CLIENT_SECRET_FILE", "O365_CLIENT_CERTIFICATE_FILE"];
        let is_registered = names.iter().any(|name| self.env.get(name).is_some());
        let endpoints = self.endpoints();
        let microsoft = if is_registered { self.microsoft() } else { None };
        let authority = endpoints?.authority().origin().ascii_serialization();
        let (clerk, pinned, proxies) = (self.clerk(), self.pinned_tenant(), self.proxies());
        let (listen, redirect_uri) = (listen?, redirect_uri?);
        Some(DashboardSettings { listen, public_url, redirect_uri, authority, microsoft, clerk, pinned, proxies })
    }

    /// Nobody's word is believed unless a variable says so: whoever asks could write the header himself.
    fn proxies(&mut self) -> TrustedProxies {
        let Some(text) = self.env.get("TRUSTED_PROXIES") else { return TrustedProxies::default() };
        text.parse().unwrap_or_else(|error| {
            self.mistakes.add("TRUSTED_PROXIES", error);
            TrustedProxies::default()
        })
    }

    /// All of Clerk's variables or none: with some of them, people would sign in otherwise than somebody meant.
    fn clerk(&mut self) -> Option<ClerkSettings> {
        let key = self.env.get("CLERK_PUBLISHABLE_KEY");
        let (pem, jwks) = (self.secret("CLERK_JWT_KEY"), self.env.get("CLERK_JWKS_URL"));
        let parties = self.env.get("CLERK_AUTHORIZED_PARTIES");
        if key.is_none() && pem.is_none() && jwks.is_none() && parties.is_none() {
            return None;
        }
        let publishable_key = self.read_as("CLERK_PUBLISHABLE_KEY", key.as_deref());
        let authorized_parties = self.read_as("CLERK_AUTHORIZED_PARTIES", parties.as_deref());
        let key = match (&pem, &jwks) {
            (Some(pem), _) => self.read_as("CLERK_JWT_KEY", Some(pem.expose_secret())).map(KeySource::Pem),
            (None, jwks) => self.read_as("CLERK_JWT_KEY or CLERK_JWKS_URL", jwks.as_deref()).map(KeySource::Jwks),
        };
        Some(ClerkSettings { publishable_key: publishable_key?, key: key?, authorized_parties: authorized_parties? })
    }

    fn read_as<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, name: &str, text: Option<&str>) -> Option<T> {
        let Some(text) = text else {
            self.mistakes.add(name, "missing: people sign in with Clerk if all of its variables are set, or none");
            return None;
        };
        text.parse().map_err(|error| self.mistakes.add(name, error)).ok()
    }

    /// The Entra tenant that the installation is pinned to.
    pub fn pinned_tenant(&mut self) -> Option<EntraTenantId> {
        match self.env.get("O365_TENANT_ID")?.parse() {
            Ok(tenant) => Some(tenant),
            Err(error) => {
                self.mistakes.add("O365_TENANT_ID", error);
                None
            }
        }
    }

    /// The level and the format of logs.
    pub fn logging(&mut self) -> (String, Format) {
        let format = match self.env.get("LOG_FORMAT").as_deref() {
            None | Some("text") => Format::Text,
            Some("json") => Format::Json,
            Some(_) => {
                self.mistakes.add("LOG_FORMAT", "expected text or json");
                Format::Text
            }
        };
        (self.env.get("RUST_LOG").unwrap_or_else(|| "info".to_owned()), format)
    }

    /// Where metrics are told; nowhere unless it is said.
    pub fn metrics(&mut self) -> Option<SocketAddr> {
        let address = crate::metrics::read_address(&self.env.get("METRICS_ADDR")?);
        if address.is_none() {
            let what = "expected a port, such as 9465, for this machine alone, or an address and a port";
            self.mistakes.add("METRICS_ADDR", what);
        }
        address
    }

    /// The mistakes, if there were any.
    pub fn finish(self) -> Result<(), Mistakes> {
        if self.mistakes.0.is_empty() { Ok(()) } else { Err(self.mistakes) }
    }

    fn endpoints(&mut self) -> Option<Endpoints> {
        let cloud = self.env.get("O365_CLOUD").unwrap_or_else(|| Cloud::Global.word().to_owned());
        let Some(cloud) = Cloud::from_word(&cloud) else {
            self.mistakes.add("O365_CLOUD", "expected global, usgov, dod or china");
            return None;
        };
        let authority = self.env.get("AZURE_AUTHORITY_HOST").unwrap_or_else(|| cloud.authority().to_owned());
        let graph = self.env.get("O365_GRAPH_URL").unwrap_or_else(|| cloud.graph_root().to_owned());
        match Endpoints::in_cloud(cloud, &authority, &graph) {
            Ok(endpoints) => Some(endpoints),
            Err(error) => {
                self.mistakes.add("AZURE_AUTHORITY_HOST, O365_GRAPH_URL", error);
                None
            }
        }
    }

    /// The certificate that takes the place of the secret: it is always a file.
    fn certificate(&mut self) -> Option<SecretString> {
        const NAME: &str = "O365_CLIENT_CERTIFICATE_FILE";
        let pem = std::fs::read_to_string(self.env.get(NAME)?).unwrap_or_else(|_| {
            self.mistakes.add(NAME, "the file cannot be read");
            String::new()
        });
        Some(pem.into())
    }

    /// A secret by itself, or in the file that `NAME_FILE` names.
    fn secret(&mut self, name: &str) -> Option<SecretString> {
        let file_name = format!("{name}_FILE");
        match (self.env.get(name), self.env.get(&file_name)) {
            (Some(_), Some(_)) => {
                self.mistakes.add(&file_name, format_args!("set {name} or {file_name}, not both"));
                None
            }
            (Some(value), None) => Some(value.trim().to_owned().into()),
            (None, Some(path)) => match std::fs::read_to_string(PathBuf::from(path)) {
                Ok(text) if !text.trim().is_empty() => Some(text.trim().to_owned().into()),
                _ => {
                    self.mistakes.add(&file_name, "the file cannot be read, or is empty");
                    None
                }
            },
            (None, None) => None,
        }
    }

    fn number(&mut self, name: &str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let Some(text) = self.env.get(name) else { return default };
        match text.trim().parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.mistakes.add(name, format_args!("expected a number from {} to {}", range.start(), range.end()));
                default
            }
        }
    }

    fn key(&mut self, name: &str, text: &SecretString) -> Option<MasterKey> {
        match MasterKey::from_hex(text) {
            Ok(key) => Some(key),
            Err(error) => {
                self.mistakes.add(name, error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    impl Environment for HashMap<&str, &str> {
        fn get(&self, name: &str) -> Option<String> {
            HashMap::get(self, name).map(|value| (*value).to_owned())
        }
    }

    #[test]
    fn every_mistake_is_named_at_once_and_no_secret_is_shown() {
        let env = HashMap::from([
            ("DATABASE_URL", "mysql://user:hunter2@host/db"),
            ("CONNECTOR_ENCRYPTION_KEY", "hunter2"),
            ("O365_CLIENT_SECRET", "hunter2"),
            ("O365_CLOUD", "moon"),
            ("LOG_FORMAT", "xml"),
            ("O365_TENANT_ID", "contoso"),
            ("TRUSTED_PROXIES", "yes"),
        ]);
        let mut reader = Reader::new(&env);
        assert_eq!(reader.proxies(), TrustedProxies::default());
        assert!(reader.store().is_none() && reader.microsoft().is_none() && reader.pinned_tenant().is_none());
        reader.logging();
        let text = reader.finish().unwrap_err().to_string();
        for name in [
            "DATABASE_URL",
            "CONNECTOR_ENCRYPTION_KEY",
            "O365_CLIENT_ID",
            "O365_CLOUD",
            "LOG_FORMAT",
            "O365_TENANT_ID",
            "TRUSTED_PROXIES",
        ] {
            assert!(text.contains(name), "{name} is not named in: {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_missing_key_says_how_to_make_one() {
        let env = HashMap::new();
        let mut reader = Reader::new(&env);
        assert!(reader.store().is_none());
        assert!(reader.finish().unwrap_err().to_string().contains("openssl rand -hex 32"));
    }

    #[test]
    fn a_secret_may_stand_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{}\n", "a".repeat(64))).unwrap();
        let path = file.path().to_str().unwrap();
        let env = HashMap::from([("CONNECTOR_ENCRYPTION_KEY_FILE", path)]);
        let mut reader = Reader::new(&env);
        assert!(reader.store().is_some());
        assert!(reader.finish().is_ok());
    }
}
