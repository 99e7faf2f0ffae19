//! `relay-suite`: relays on a NATS cluster keep the transport contract, and lose and double nothing while relays and
//! servers are killed; the commit slot in other databases is what `docs/transport.md` says. R42
//!
//! Everything it talks with it starts itself, on loopback and in temporary folders. Arguments choose tests by a part of
//! their names.

mod contract;
mod engines;
mod kills;
mod ready;
mod slots;

use std::process::ExitCode;
use std::time::Instant;

type Test = (&'static str, fn() -> Result<(), String>);

/// In this order.
const TESTS: [Test; 7] = [
    ("the_slot_in_postgresql_has_one_winner", slots::postgresql),
    ("the_slot_in_redis_has_one_winner", slots::redis),
    ("r42_three_relays_on_nats_keep_the_contract", contract::three_relays),
    ("a_relay_is_ready_as_long_as_nats_answers", ready::tells),
    ("r42_nothing_is_lost_while_one_relay_and_one_server_are_killed", kills::one_of_each),
    ("r42_nothing_is_lost_or_doubled_while_relays_and_servers_are_killed", kills::devices),
    ("r42_engines_talk_on_while_relays_and_servers_are_killed", engines::talk),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let chosen: Vec<&Test> =
        TESTS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(part))).collect();
    if chosen.is_empty() {
        eprintln!("relay-suite: no test of that name");
        return ExitCode::from(2);
    }
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in chosen {
        let start = Instant::now();
        match test() {
            Ok(()) => {
                passed += 1;
                println!("test {name} ... ok ({:.0} s)", start.elapsed().as_secs_f64());
            }
            Err(why) => {
                failed += 1;
                println!("test {name} ... FAILED\n{why}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
