//! The keys that Clerk publishes, kept in memory.
//!
//! | the keys were read | a key that is known | one that is not |
//! |---|---|---|
//! | less than [`FRESH`] ago | is used | has them read again |
//! | less than [`TRUSTED`] ago | has them read again, and is used also if that fails | has them read again |
//! | longer ago, or never | is not known any more | has them read again |
//!
//! They are read again at most once in [`PAUSE`], whoever asks, and by one request for all who wait.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::{debug, warn};

use crate::transport::{self, Why};
use crate::{JwksUrl, Refusal, SetupError};

/// How long nobody asks whether a key was withdrawn. Clerk's own library keeps keys for
/// [five minutes](https://github.com/clerk/javascript/blob/main/packages/backend/src/constants.ts).
const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// How long keys are used while they cannot be read again. A day: whoever runs the connector looks at the dashboard when
/// the network fails, and a key that Clerk withdraws in that time signs nothing any more but what was stolen with it.
const TRUSTED: SignedDuration = SignedDuration::from_hours(24);
/// The least time between two requests. Tokens with invented key ids cost Clerk no more than this.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// The most keys that are kept.
const MOST_KEYS: usize = 32;
/// The shortest modulus, in bytes ([RFC 7518](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)).
const SHORTEST_MODULUS: usize = 256;

/// The keys of one address. Clones share them.
#[derive(Clone)]
pub(crate) struct Jwks(Arc<Store>);

struct Store {
    address: JwksUrl,
    http: reqwest::Client,
    known: RwLock<Known>,
    turn: Arc<Mutex<Turn>>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, Arc<DecodingKey>>,
    read_at: Option<Timestamp>,
}

/// Whoever holds it may ask.
#[derive(Default)]
struct Turn {
    asked_at: Option<Timestamp>,
    failed: bool,
}

enum Found {
    Fresh(Arc<DecodingKey>),
    Aging(Arc<DecodingKey>),
    Nothing,
}

impl Jwks {
    pub(crate) fn new(address: JwksUrl) -> Result<Self, SetupError> {
        let http = transport::client(&address)?;
        Ok(Self(Arc::new(Store { address, http, known: RwLock::default(), turn: Arc::default() })))
    }

    /// The key of that id.
    pub(crate) async fn key(&self, kid: &str, now: Timestamp) -> Result<Arc<DecodingKey>, Refusal> {
        let turn = match self.0.find(kid, now) {
            Found::Fresh(key) => return Ok(key),
            // Whoever comes while another asks goes on with what is known.
            Found::Aging(key) => match Arc::clone(&self.0.turn).try_lock_owned() {
                Ok(turn) => turn,
                Err(_) => return Ok(key),
            },
            Found::Nothing => {
                let turn = Arc::clone(&self.0.turn).lock_owned().await;
                // Another may have read it meanwhile.
                if let Found::Fresh(key) | Found::Aging(key) = self.0.find(kid, now) {
                    return Ok(key);
                }
                turn
            }
        };
        let was_answered = self.ask(turn, now).await;
        match self.0.find(kid, now) {
            Found::Fresh(key) | Found::Aging(key) => Ok(key),
            Found::Nothing if was_answered => Err(Refusal::UnknownKey),
            Found::Nothing => Err(Refusal::KeysUnreachable),
        }
    }

    /// Reads the keys again unless that was done just now, and says whether the last attempt was answered. The request goes
    /// on if whoever waits for it hangs up: else hanging up would keep everybody from new keys.
    async fn ask(&self, mut turn: OwnedMutexGuard<Turn>, now: Timestamp) -> bool {
        if turn.asked_at.is_some_and(|at| now.duration_since(at).abs() < PAUSE) {
            return !turn.failed;
        }
        let store = Arc::clone(&self.0);
        let request = tokio::spawn(async move {
            turn.asked_at = Some(now);
            turn.failed = store.read_again(now).await.is_err();
            !turn.failed
        });
        request.await.unwrap_or(false)
    }
}

impl Store {
    fn find(&self, kid: &str, now: Timestamp) -> Found {
        let known = self.known.read().expect("no holder of this lock panics");
        let Some((key, read_at)) = known.keys.get(kid).zip(known.read_at) else { return Found::Nothing };
        let age = now.duration_since(read_at);
        // A clock that was set back makes keys older, not younger.
        if age.abs() < FRESH {
            Found::Fresh(Arc::clone(key))
        } else if age < TRUSTED {
            Found::Aging(Arc::clone(key))
        } else {
            Found::Nothing
        }
    }

    async fn read_again(&self, now: Timestamp) -> Result<(), Why> {
        let read = transport::fetch(&self.http, &self.address).await.and_then(|body| usable(&body));
        match read {
            Ok(keys) => {
                debug!(count = keys.len(), "Clerk's keys were read");
                *self.known.write().expect("no holder of this lock panics") = Known { keys, read_at: Some(now) };
                Ok(())
            }
            Err(why) => {
                warn!(why, "Clerk's keys cannot be read: those that are known are used for a day");
                Err(why)
            }
        }
    }
}

/// A [key set](https://www.rfc-editor.org/rfc/rfc7517#section-5).
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    n: String,
    e: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
}

/// The keys in an answer that can verify RS256. An answer without one is no answer: what is known is better.
fn usable(body: &[u8]) -> Result<HashMap<String, Arc<DecodingKey>>, Why> {
    let set: KeySet = serde_json::from_slice(body).map_err(|_| "no key set")?;
    let keys: HashMap<_, _> = set.keys.into_iter().filter_map(usable_key).take(MOST_KEYS).collect();
    if keys.is_empty() { Err("no usable key") } else { Ok(keys) }
}

fn usable_key(json: Value) -> Option<(String, Arc<DecodingKey>)> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    let fits = jwk.kty == "RSA"
        && jwk.alg.is_none_or(|alg| alg == "RS256")
        && jwk.purpose.is_none_or(|purpose| purpose == "sig");
    let modulus = URL_SAFE_NO_PAD.decode(&jwk.n).ok()?;
    let bytes = modulus.iter().skip_while(|byte| **byte == 0).count();
    if !fits || bytes < SHORTEST_MODULUS {
        return None;
    }
    let key = DecodingKey::from_rsa_components(&jwk.n, &jwk.e).ok()?;
    Some((jwk.kid, Arc::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kids(keys: &Value) -> Result<Vec<String>, Why> {
        let mut kids: Vec<_> = usable(json!({ "keys": keys }).to_string().as_bytes())?.into_keys().collect();
        kids.sort();
        Ok(kids)
    }

    #[test]
    fn only_rsa_signature_keys_of_2048_bits_are_kept() {
        let long = URL_SAFE_NO_PAD.encode([0xAB; 256]);
        let short = URL_SAFE_NO_PAD.encode([&[0; 128][..], &[0xAB; 128][..]].concat());
        let key = |kid: &str| json!({"kty": "RSA", "kid": kid, "n": long, "e": "AQAB"});
        let but = |kid: &str, member: &str, value: &str| {
            let mut key = key(kid);
            key[member] = value.into();
            key
        };
        let set = json!([
            key("plain"),
            but("said", "alg", "RS256"),
            but("sig", "use", "sig"),
            but("enc", "use", "enc"),
            but("other", "alg", "RS512"),
            but("symmetric", "kty", "oct"),
            but("short", "n", &short),
            but("broken", "n", "%"),
            {"kid": "empty"},
            7,
        ]);
        assert_eq!(kids(&set).unwrap(), ["plain", "said", "sig"]);
    }

    #[test]
    fn an_answer_without_a_usable_key_is_a_failure() {
        assert_eq!(kids(&json!([])), Err("no usable key"));
        assert_eq!(kids(&json!({})), Err("no key set"));
        assert!(usable(b"<html>").is_err());
    }
}
