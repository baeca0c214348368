//! `simulate`

use graph_sim::{Certificate, SimOptions, Simulator};
use m365_model::Surroundings;

use super::failed;
use crate::cli::Simulate;
use crate::exit::Exit;
use crate::output::line;

pub async fn run(options: &Simulate) -> Exit {
    let simulator = Simulator::new(SimOptions {
        seed: options.seed,
        mailboxes: options.mailboxes,
        messages_per_mailbox: options.messages,
        meetings_per_mailbox: options.meetings,
        ..SimOptions::new(Surroundings::system().now())
    });
    let about = simulator.options().clone();
    let running = match &options.tls {
        None => simulator.serve(options.listen),
        Some(file) => {
            let Ok(certificate) = Certificate::for_this_machine() else {
                return failed(&"no certificate could be made");
            };
            if std::fs::write(file, certificate.authority()).is_err() {
                return failed(&"the certificate cannot be written there: name a file in a folder that exists");
            }
            simulator.serve_tls(options.listen, &certificate)
        }
    };
    let Ok(running) = running else {
        return failed(&"the simulator cannot listen there: choose a free port on a loopback address");
    };
    if let Err(stopped) = line(&running.url()) {
        return stopped.exit();
    }
    eprintln!("An invented tenant; it stops with Ctrl-C. To read it:");
    eprintln!("  export AZURE_AUTHORITY_HOST={0} O365_GRAPH_URL={0}", running.url());
    if let Some(file) = &options.tls {
        eprintln!("  export SSL_CERT_FILE={}", file.display());
    }
    eprintln!("  export O365_CLIENT_ID={} O365_CLIENT_SECRET={}", about.client_id, about.client_secret);
    eprintln!("  m365-connector connect --entra-tenant-id {} --tenant-domain contoso.com", about.tenant_id);
    std::future::pending().await
}
