//! `cargo xtask relay` and `cargo xtask relay-load`: relays with the servers around them that really run.

use std::path::Path;

use crate::stage::Step;
use crate::tool;

/// Installs what is missing of the servers that the tests start, or says why it cannot be had.
pub fn servers() -> Result<(), String> {
    tool::need("nats-server", &["nats-server"])?;
    tool::need("redis-server", &["redis-server", "redis-tools"])?;
    if Path::new("/usr/lib/postgresql").exists() {
        return tool::need("psql", &["postgresql"]);
    }
    // Others than Debian have it elsewhere; then it is found by nobody here.
    tool::install(&["postgresql"])
}

/// What is built, with the features of the tests, so that little is built twice.
pub fn build() -> Step {
    Step::cargo("build --locked --quiet --workspace --all-features --bin undertone-relay --bin relay-suite")
}

/// Runs the suite.
pub fn suite() -> Step {
    Step::built("debug", "relay-suite")
}

/// Runs what depends on where the program keeps things, with NATS.
pub fn on_nats() -> Step {
    Step::cargo("test --locked --workspace --all-features --test nats")
}

/// `cargo xtask relay [TEST…]`. Without the name of one, all.
pub fn run(args: &[String]) -> Result<(), String> {
    servers()?;
    build().run()?;
    if args.is_empty() {
        on_nats().run()?;
    }
    suite().args(args).run()
}

/// `cargo xtask relay-load …`: optimised as a product is.
pub fn load(args: &[String]) -> Result<(), String> {
    tool::need("nats-server", &["nats-server"])?;
    let build = "build --locked --quiet --release --package undertone-relay --package undertone-relay-tests \
                 --features undertone-relay/nats --bin undertone-relay --bin relay-load";
    Step::cargo(build).run()?;
    let load = Step::built("release", "relay-load");
    if args.is_empty() { load.args(&["--write", "docs/benchmarks.md"]).run() } else { load.args(args).run() }
}
