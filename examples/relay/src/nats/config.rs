//! Where NATS is.

/// Where NATS is, and what is kept there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsConfig {
    /// Servers, like `nats://127.0.0.1:4222`; any one of a cluster leads to the others.
    pub urls: Vec<String>,
    /// What names of buckets, streams and subjects begin with: letters and digits. Relays of one platform have one.
    pub prefix: String,
    /// How many servers keep everything; `None` for 3 on a cluster and 1 on a single server.
    pub replicas: Option<usize>,
    /// As whom to connect, if NATS wants to know.
    pub login: Option<NatsLogin>,
    /// Whether encrypted files are kept.
    pub files: bool,
}

/// A user of NATS and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsLogin {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for NatsLogin {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.user)
    }
}

impl NatsConfig {
    /// On these servers, separated by commas, under the prefix `undertone`.
    pub fn new(urls: &str) -> NatsConfig {
        let urls = urls.split(',').map(str::trim).filter(|url| !url.is_empty()).map(Into::into).collect();
        NatsConfig { urls, prefix: "undertone".into(), replicas: None, login: None, files: true }
    }
}
