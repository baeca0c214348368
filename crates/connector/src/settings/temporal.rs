//! Where Temporal is, if runs are done there.

use m365_worker::{TemporalOptions, Tls};
use url::Url;

use super::Reader;

impl Reader<'_> {
    /// Where Temporal is; `None` when runs are done in the process.
    pub fn temporal(&mut self) -> Option<TemporalOptions> {
        let given = self.env.get("TEMPORAL_ADDRESS")?;
        let api_key = self.secret("TEMPORAL_API_KEY");
        let tls = self.temporal_tls();
        let scheme = if api_key.is_some() || tls.is_some() { "https" } else { "http" };
        let text = if given.contains("://") { given } else { format!("{scheme}://{given}") };
        let address = Url::parse(&text).ok().filter(is_address);
        if address.is_none() {
            self.mistakes
                .add("TEMPORAL_ADDRESS", "expected HOST:PORT, or https://HOST:PORT where the server speaks TLS");
        }
        let address = address?;
        if address.scheme() == "http" && (api_key.is_some() || tls.is_some()) {
            let what = "a key or certificates are set, which http:// would send in the clear: leave the scheme away, or say https://";
            self.mistakes.add("TEMPORAL_ADDRESS", what);
        }
        let word = |text: Option<String>, default: &str| text.unwrap_or_else(|| default.to_owned());
        let namespace = word(self.env.get("TEMPORAL_NAMESPACE"), "default");
        let task_queue = word(self.env.get("TEMPORAL_TASK_QUEUE"), "m365-connector");
        Some(TemporalOptions { address, namespace, task_queue, api_key, tls })
    }

    /// What TLS needs besides the system's own roots. Certificates are always files.
    fn temporal_tls(&mut self) -> Option<Tls> {
        let server_ca = self.file("TEMPORAL_TLS_CA_FILE");
        let server_name = self.env.get("TEMPORAL_TLS_SERVER_NAME");
        let (certificate, key) = (self.file("TEMPORAL_TLS_CERT_FILE"), self.file("TEMPORAL_TLS_KEY_FILE"));
        if certificate.is_some() != key.is_some() {
            self.mistakes.add("TEMPORAL_TLS_CERT_FILE, TEMPORAL_TLS_KEY_FILE", "set both or neither");
        }
        let client = certificate.zip(key.map(|key| String::from_utf8_lossy(&key).into_owned().into()));
        let is_set = server_ca.is_some() || server_name.is_some() || client.is_some();
        is_set.then_some(Tls { server_ca, server_name, client })
    }

    fn file(&mut self, name: &str) -> Option<Vec<u8>> {
        let content = std::fs::read(self.env.get(name)?);
        content.map_err(|_| self.mistakes.add(name, "the file cannot be read")).ok()
    }
}

fn is_address(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(env: &HashMap<&str, &str>) -> Result<Option<TemporalOptions>, String> {
        let mut reader = Reader::new(env);
        let options = reader.temporal();
        reader.finish().map(|()| options).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn without_an_address_runs_stay_in_the_process() {
        assert!(read(&HashMap::from([("TEMPORAL_NAMESPACE", "sales")])).unwrap().is_none());
    }

    #[test]
    fn an_address_alone_is_plain_and_a_key_makes_it_tls() {
        let options = read(&HashMap::from([("TEMPORAL_ADDRESS", "localhost:7233")])).unwrap().unwrap();
        assert_eq!(options.address.as_str(), "http://localhost:7233/");
        assert_eq!((options.namespace.as_str(), options.task_queue.as_str()), ("default", "m365-connector"));
        let env = HashMap::from([("TEMPORAL_ADDRESS", "eu.api.example:7233"), ("TEMPORAL_API_KEY", "k")]);
        assert_eq!(read(&env).unwrap().unwrap().address.as_str(), "https://eu.api.example:7233/");
    }

    #[test]
    fn a_key_is_never_sent_in_the_clear_and_a_certificate_has_its_key() {
        let env = HashMap::from([("TEMPORAL_ADDRESS", "http://eu.api.example:7233"), ("TEMPORAL_API_KEY", "hunter2")]);
        let mistakes = read(&env).unwrap_err();
        assert!(mistakes.contains("in the clear") && !mistakes.contains("hunter2"), "{mistakes}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let env = HashMap::from([("TEMPORAL_ADDRESS", "h:1"), ("TEMPORAL_TLS_CERT_FILE", path)]);
        assert!(read(&env).unwrap_err().contains("set both or neither"));
    }
}
