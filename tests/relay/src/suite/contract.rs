//! Three relays, each a process of its own, on a cluster of three NATS servers.

use std::sync::Arc;

use undertone_relay::contract::{self, WebSockets};
use undertone_relay::nats::{NatsConfig, NatsLogin};
use undertone_relay::shell::{ServerConfig, StoreKind, serve};
use undertone_relay_tests::nats::{Cluster, PASSWORD, USER};
use undertone_relay_tests::platform::{Keep, RelayProcess};

/// Every clause, each device at any of the three. Revocation lists are given to a fourth relay, in this process.
pub fn three_relays() -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    let cluster = Cluster::start(3).map_err(said)?;
    let folder = tempfile::tempdir().map_err(said)?;
    let authority = contract::authority().public_key();
    let keep = Keep::Nats(cluster.urls(), "contract".into());
    let mut relays = Vec::new();
    for number in 0..3 {
        relays.push(RelayProcess::start(folder.path(), number, keep.clone(), authority).map_err(said)?);
    }
    let runtime = tokio::runtime::Runtime::new().map_err(said)?;
    let login = NatsLogin { user: USER.into(), password: PASSWORD.into() };
    let nats = NatsConfig { login: Some(login), prefix: "contract".into(), ..NatsConfig::new(&cluster.urls()) };
    let config = ServerConfig { store: StoreKind::Nats(nats), ..ServerConfig::new(vec![authority]) };
    let server = Arc::new(runtime.block_on(serve(config)).map_err(|error| error.to_string())?);
    let handle = runtime.handle().clone();
    let revoke = move |list: &[u8]| match handle.block_on(server.revoke(list.to_vec())) {
        Ok(answer) => answer.map_err(|refused| refused.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let urls = relays.iter().map(RelayProcess::url).collect();
    let report = contract::check(&WebSockets { urls, revoke: Box::new(revoke) });
    if report.failures().next().is_none() {
        println!("    {} clauses hold", report.checked());
        return Ok(());
    }
    let logs: Vec<String> = relays.iter().filter_map(|relay| relay.process().map(|process| process.said())).collect();
    Err(format!("{report}\nwhat the relays said:\n{}", logs.join("\n")))
}
