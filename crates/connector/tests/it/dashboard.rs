//! The dashboard, as a person meets it: from the link that the program prints to the first records, in a browser.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use clerk_sim::{ClerkSim, ORGANIZATION};

use crate::office::Office;

/// A program that is ended with the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|any| any.local_addr()).expect("a free port").port()
}

impl Office {
    /// Starts the dashboard on a free port, and gives the last line that it greets with: where it is, or a link to sign in.
    fn serve(&mut self, greeting: &str, port: u16) -> (Serving, String) {
        self.set("LISTEN_ADDR", &format!("127.0.0.1:{port}"));
        self.set("PUBLIC_URL", &format!("http://localhost:{port}"));
        self.set("RUST_LOG", "off");
        let mut child = self.start(&["serve"]);
        let said = BufReader::new(child.stderr.take().expect("its words")).lines();
        let link = said.map_while(Result::ok).find(|line| line.contains(greeting)).expect("a greeting");
        (Serving(child), link.trim().to_owned())
    }
}

/// Seen to fail with a progress that never told its end, and with a page that was wider than a phone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_gets_from_the_link_to_the_first_records() {
    let mut office = Office::new(|options| options.consented = false);
    let (_serving, link) = office.serve("/sign-in/", free_port());
    browse("first-run.mjs", link.trim());
    office.assert_true();
}

fn browse(script: &str, with: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testing/browser");
    assert!(folder.join("node_modules").exists(), "something is not installed: scripts/setup tests");
    let walk = Command::new("node").arg(script).arg(with).current_dir(folder).stdin(Stdio::null()).output();
    let walk = walk.expect("Node: scripts/setup tests installs it");
    assert!(walk.status.success(), "{}", String::from_utf8_lossy(&walk.stderr));
}

/// Seen to fail with a policy whose `connect-src` leaves Clerk's host out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_sign_in_with_clerks_script() {
    let clerk = ClerkSim::start().await.expect("a free port");
    let mut office = Office::new(|_| {});
    let port = free_port();
    office.set("CLERK_PUBLISHABLE_KEY", &clerk.publishable_key());
    office.set("CLERK_JWKS_URL", &clerk.jwks_url());
    office.set("CLERK_AUTHORIZED_PARTIES", &format!("http://localhost:{port}"));
    office.done(&["migrate"]);
    office.done(&["tenants", "add", ORGANIZATION]);
    let (_serving, _) = office.serve("The dashboard is at", port);
    browse("clerk.mjs", &format!("http://localhost:{port}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_of_clerks_variables_without_the_others_are_refused() {
    let mut office = Office::new(|_| {});
    office.set("CLERK_AUTHORIZED_PARTIES", "http://localhost:8365");
    let refused = office.run(&["serve"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("CLERK_PUBLISHABLE_KEY") && refused.err.contains("CLERK_JWT_KEY"), "{}", refused.err);
}
