//! The published keys over time: when they are asked for, and what holds while they cannot be.

use clerk_sim::{ClerkSim, Mood, Person, Signer, TestKey, sign};
use futures_util::future::{join_all, poll_immediate};
use jiff::{SignedDuration, Timestamp};
use m365_clerk::{Refusal, Verifier};
use serde_json::json;

use crate::{SITE, now, with_jwks};

/// So long after the tests' beginning.
fn after(time: SignedDuration) -> Timestamp {
    now() + time
}

/// A good token of that instant, signed with the key in use.
fn token(clerk: &ClerkSim, at: Timestamp) -> String {
    clerk.sign(&clerk.claims(Person::Member, SITE, at))
}

/// A token whose header names a key that nobody has.
fn invented(clerk: &ClerkSim, number: usize, at: Timestamp) -> String {
    let header = json!({"alg": "RS256", "kid": format!("ins_invented_{number}"), "typ": "JWT"});
    sign(&header, &clerk.claims(Person::Member, SITE, at), Signer::Rsa(TestKey::First))
}

async fn verdict(verifier: &Verifier, token: &str, at: Timestamp) -> Result<(), Refusal> {
    verifier.verify(token, at).await.map(drop)
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
const FRESH: SignedDuration = SignedDuration::from_mins(5);
const TRUSTED: SignedDuration = SignedDuration::from_hours(24);

/// Seen to fail when each asked without waiting for its turn.
#[tokio::test]
async fn all_who_come_at_once_share_one_request() {
    let clerk = ClerkSim::start().await.unwrap();
    let verifier = with_jwks(&clerk);
    let token = token(&clerk, now());
    let verdicts = join_all((0..50).map(|_| verdict(&verifier, &token, now()))).await;
    assert!(verdicts.iter().all(Result::is_ok), "{verdicts:?}");
    assert_eq!(clerk.jwks_requests(), 1);
    verdict(&verifier.clone(), &token, now()).await.unwrap();
    assert_eq!(clerk.jwks_requests(), 1, "a clone has keys of its own");
}

/// Seen to fail without the pause.
#[tokio::test]
async fn invented_keys_cost_one_request_in_thirty_seconds() {
    let clerk = ClerkSim::start().await.unwrap();
    let verifier = with_jwks(&clerk);
    for (seconds, requests) in [(0, 1), (29, 1), (30, 2), (59, 2), (60, 3)] {
        let at = after(SECOND * seconds);
        let tokens: Vec<_> = (0..20).map(|number| invented(&clerk, number, at)).collect();
        let verdicts = join_all(tokens.iter().map(|token| verdict(&verifier, token, at))).await;
        assert!(verdicts.iter().all(|verdict| *verdict == Err(Refusal::UnknownKey)), "{verdicts:?}");
        assert_eq!(clerk.jwks_requests(), requests, "after {seconds} s");
    }
    // Meanwhile known keys go on to work.
    let at = after(SECOND * 61);
    assert_eq!(verdict(&verifier, &token(&clerk, at), at).await, Ok(()));
}

/// Seen to fail when the algorithm was checked after the key was found.
#[tokio::test]
async fn no_key_is_looked_for_to_verify_what_clerk_does_not_sign() {
    let clerk = ClerkSim::start().await.unwrap();
    let verifier = with_jwks(&clerk);
    let claims = clerk.claims(Person::Member, SITE, now());
    for alg in ["none", "NONE", "HS256", "ES256", "PS256", "RS384", "rs256", ""] {
        let token = sign(&json!({"alg": alg, "kid": clerk.key().kid()}), &claims, Signer::Nobody);
        assert_eq!(verdict(&verifier, &token, now()).await, Err(Refusal::WrongAlgorithm), "{alg}");
    }
    let without_kid = sign(&json!({"alg": "RS256"}), &claims, Signer::Rsa(TestKey::First));
    assert_eq!(verdict(&verifier, &without_kid, now()).await, Err(Refusal::UnknownKey));
    assert_eq!(clerk.jwks_requests(), 0);
}

#[tokio::test]
async fn a_new_key_is_found_by_its_first_token() {
    let clerk = ClerkSim::start().await.unwrap();
    let verifier = with_jwks(&clerk);
    verdict(&verifier, &token(&clerk, now()), now()).await.unwrap();
    let old = token(&clerk, after(PAUSE));
    clerk.rotate_keys();
    let at = after(PAUSE - SECOND);
    assert_eq!(verdict(&verifier, &token(&clerk, at), at).await, Err(Refusal::UnknownKey), "within the pause");
    assert_eq!(verdict(&verifier, &token(&clerk, after(PAUSE)), after(PAUSE)).await, Ok(()));
    assert_eq!(clerk.jwks_requests(), 2);
    assert_eq!(verdict(&verifier, &old, after(PAUSE)).await, Err(Refusal::UnknownKey), "the old key is gone");
}

/// Seen to fail when keys that are known were never read again.
#[tokio::test]
async fn a_withdrawn_key_opens_nothing_after_five_minutes() {
    let clerk = ClerkSim::start().await.unwrap();
    let verifier = with_jwks(&clerk);
    verdict(&verifier, &token(&clerk, now()), now()).await.unwrap();
    let (before, then) = (after(FRESH - SECOND), after(FRESH));
    let (early, late) = (token(&clerk, before), token(&clerk, then));
    clerk.rotate_keys();
    assert_eq!(verdict(&verifier, &early, before).await, Ok(()));
    assert_eq!(clerk.jwks_requests(), 1);
    assert_eq!(verdict(&verifier, &late, then).await, Err(Refusal::UnknownKey));
    assert_eq!(clerk.jwks_requests(), 2);
}

fn troubles(elsewhere: &ClerkSim) -> [Mood; 6] {
    let padded = format!("{}{}", " ".repeat(64 << 10), json!({"keys": [TestKey::First.jwk()]}));
    [
        Mood::Busy,
        Mood::Silent,
        Mood::Elsewhere(elsewhere.jwks_url()),
        Mood::Saying("<html>sign in to the hotel's network</html>".to_owned()),
        Mood::Saying(json!({"keys": []}).to_string()),
        Mood::Saying(padded),
    ]
}

/// Seen to fail with redirects on, without the bound of the answer, and when an answer without keys was taken for one.
#[tokio::test]
async fn known_keys_hold_for_a_day_while_they_cannot_be_read() {
    let elsewhere = ClerkSim::start().await.unwrap();
    for trouble in troubles(&elsewhere) {
        let clerk = ClerkSim::start().await.unwrap();
        let verifier = with_jwks(&clerk);
        verdict(&verifier, &token(&clerk, now()), now()).await.unwrap();
        clerk.feel(trouble.clone());
        for time in [FRESH, FRESH + SECOND, FRESH + PAUSE, TRUSTED / 2, TRUSTED - SECOND] {
            let at = after(time);
            assert_eq!(verdict(&verifier, &token(&clerk, at), at).await, Ok(()), "after {time:?} of {trouble:?}");
            let unknown = verdict(&verifier, &invented(&clerk, 0, at), at).await;
            assert_eq!(unknown, Err(Refusal::KeysUnreachable), "after {time:?} of {trouble:?}");
        }
        let at = after(TRUSTED);
        let verdict_then = verdict(&verifier, &token(&clerk, at), at).await;
        assert_eq!(verdict_then, Err(Refusal::KeysUnreachable), "{trouble:?}");
        clerk.feel(Mood::Well);
        let at = after(TRUSTED + PAUSE);
        assert_eq!(verdict(&verifier, &token(&clerk, at), at).await, Ok(()), "after {trouble:?}");
    }
    assert_eq!(elsewhere.jwks_requests(), 0, "a redirect was followed");
}

#[tokio::test]
async fn without_any_key_nobody_is_recognised_until_the_keys_can_be_read() {
    let elsewhere = ClerkSim::start().await.unwrap();
    for trouble in troubles(&elsewhere) {
        let clerk = ClerkSim::start().await.unwrap();
        let verifier = with_jwks(&clerk);
        clerk.feel(trouble.clone());
        let early = verdict(&verifier, &token(&clerk, now()), now()).await;
        assert_eq!(early, Err(Refusal::KeysUnreachable), "{trouble:?}");
        clerk.feel(Mood::Well);
        let at = after(PAUSE - SECOND);
        assert_eq!(verdict(&verifier, &token(&clerk, at), at).await, Err(Refusal::KeysUnreachable), "within the pause");
        let at = after(PAUSE);
        assert_eq!(verdict(&verifier, &token(&clerk, at), at).await, Ok(()), "after {trouble:?}");
    }
}

/// Seen to fail when the request was made by the one who waits: whoever hangs up every thirty seconds would keep everybody out.
#[tokio::test]
async fn who_hangs_up_does_not_end_the_request_for_the_others() {
    let clerk = ClerkSim::start().await.unwrap();
    let verifier = with_jwks(&clerk);
    let token = token(&clerk, now());
    let hung_up = poll_immediate(verifier.verify(&token, now())).await;
    assert!(hung_up.is_none(), "answered before it could be asked");
    assert_eq!(verdict(&verifier, &token, now()).await, Ok(()));
    assert_eq!(clerk.jwks_requests(), 1);
}

/// A clock that was wrong and is put right: keys read in the future are read again, and work.
#[tokio::test]
async fn a_clock_that_is_set_back_has_the_keys_read_again() {
    let clerk = ClerkSim::start().await.unwrap();
    let verifier = with_jwks(&clerk);
    verdict(&verifier, &token(&clerk, after(TRUSTED)), after(TRUSTED)).await.unwrap();
    clerk.rotate_keys();
    assert_eq!(verdict(&verifier, &token(&clerk, now()), now()).await, Ok(()));
    assert_eq!(clerk.jwks_requests(), 2);
}
