//! The preset's tables.

use super::*;

#[test]
fn the_preset_reads() {
    let policy = Policy::from_toml(Policy::COMPANION_TOML).unwrap();
    assert_eq!(policy, Policy::companion());
    assert_eq!(policy.roles().map(Role::as_str).collect::<Vec<_>>(), ["client", "escort", "support"]);
}
