//! The transport contract, kept by the relay as it is embedded, and by the server over SQLite. Relays that share a
//! platform on NATS are checked by `cargo xtask relay`, which starts one. R42

use undertone_relay::contract::{self, Embedded, WebSockets};
use undertone_relay::shell::{Server, ServerConfig, StoreKind, serve};

#[test]
fn r42_the_embedded_relay_keeps_the_contract() {
    let report = contract::check(&Embedded::new());
    assert_eq!(report.checked(), contract::clauses().len());
    assert!(report.failures().next().is_none(), "{report}");
}

#[test]
fn r42_the_server_over_sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ServerConfig::new(vec![contract::authority().public_key()]);
    let store = StoreKind::Sqlite(folder.path().join("relay.sqlite"));
    let server: Server = runtime.block_on(serve(ServerConfig { store, ..config })).unwrap();
    let urls = vec![server.url()];
    let server = std::sync::Arc::new(server);
    let (handle, at) = (runtime.handle().clone(), server.clone());
    let revoke = move |list: &[u8]| match handle.block_on(at.revoke(list.to_vec())) {
        Ok(answer) => answer.map_err(|refused| refused.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let report = contract::check(&WebSockets { urls, revoke: Box::new(revoke) });
    assert!(report.failures().next().is_none(), "{report}");
}

/// A transport that breaks one promise is found out by the clause that says so.
#[test]
fn a_transport_that_forgets_what_it_accepted_is_found_out() {
    let report = contract::check(&Forgetful(Embedded::new()));
    let broken: Vec<_> = report.failures().map(|(clause, _)| clause.name).collect();
    assert!(broken.contains(&"a_repeat_is_recognised_on_any_connection_and_delivered_once"), "{report}");
    assert!(broken.contains(&"the_first_commit_wins_and_the_winners_repeat_wins_again"), "{report}");
    assert!(!broken.contains(&"a_tag_that_no_welcome_tied_is_refused"), "{report}");
}

/// Gives every envelope that is sent a second time another id, as a transport would that remembers none.
struct Forgetful(Embedded);

struct ForgetfulLine {
    line: Box<dyn contract::Line>,
    seen: std::rc::Rc<std::cell::RefCell<std::collections::BTreeSet<Vec<u8>>>>,
}

thread_local! {
    static SEEN: std::rc::Rc<std::cell::RefCell<std::collections::BTreeSet<Vec<u8>>>> = std::rc::Rc::default();
}

impl contract::Transport for Forgetful {
    fn connect(
        &self,
        device: &contract::Credentials<'_>,
        server: usize,
    ) -> Result<Box<dyn contract::Line>, contract::LineError> {
        let line = self.0.connect(device, server)?;
        Ok(Box::new(ForgetfulLine { line, seen: SEEN.with(Clone::clone) }))
    }

    fn now(&self) -> undertone::time::Time {
        self.0.now()
    }

    fn wait_until(&self, at: undertone::time::Time) {
        self.0.wait_until(at);
    }

    fn revoke(&self, list: &[u8]) -> Result<(), String> {
        self.0.revoke(list)
    }
}

impl contract::Line for ForgetfulLine {
    fn send(&mut self, mut frame: undertone_relay::frame::Up) {
        if let undertone_relay::frame::Up::Transmit { bundle, .. } = &mut frame {
            for bytes in bundle {
                if !self.seen.borrow_mut().insert(bytes.clone()) {
                    let mut envelope = undertone::envelope::Envelope::decode(bytes).unwrap();
                    envelope.id = undertone::id::EnvelopeId::from_bytes([self.seen.borrow().len() as u8; 16]);
                    *bytes = envelope.encode().unwrap();
                }
            }
        }
        self.line.send(frame);
    }

    fn next(&mut self) -> Result<undertone_relay::frame::Down, contract::LineError> {
        self.line.next()
    }
}
