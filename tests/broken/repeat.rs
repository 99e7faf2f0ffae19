//! The simulator itself: a seed is all that a run depends on, and a run that tests nothing does not pass.

use undertone_tests::sim::action::ACTIONS;
use undertone_tests::sim::fault::FAULTS;
use undertone_tests::sim::run::{Options, run};
use undertone_tests::sim::tally::Tally;

#[test]
fn a_seed_gives_the_same_run_again_and_another_seed_another_one() {
    let trace = |seed| run(Options::new(seed, 200)).trace;
    assert_eq!(trace(40), trace(40));
    assert_ne!(trace(40), trace(42));
}

#[test]
fn what_never_happened_is_missing() {
    let mut tally = Tally::of(&ACTIONS, &FAULTS);
    assert_eq!(tally.missing().len(), ACTIONS.len() + FAULTS.len());
    ACTIONS[1..].iter().for_each(|name| tally.action(name));
    FAULTS.iter().for_each(|name| tally.fault(name, 1));
    assert_eq!(tally.missing(), [ACTIONS[0]]);
    tally.action(ACTIONS[0]);
    assert!(tally.missing().is_empty());
    tally.fault(FAULTS[0], 0);
    assert!(tally.missing().is_empty());
}

/// The simulator's program, with its output.
fn program(actions: &str) -> (bool, String) {
    let words = ["--seeds", "1", "--seed", "40", "--actions", actions];
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sim")).args(words).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_program_fails_when_something_never_happened() {
    let (passed, said) = program("5");
    assert!(!passed);
    assert!(said.contains("never happened: "), "{said}");
    assert!(said.trim_end().ends_with("violations 0"), "it is the count that fails it: {said}");
}
