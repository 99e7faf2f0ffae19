//! The directory: who is listed, who gets key packages, who is told of a new device.

use undertone::time::DAY;
use undertone_relay::answer::{DirectoryUser, RefusedReason};
use undertone_relay::logic::{Fault, Limits, Output, Rate};
use undertone_relay::store::Table;

use crate::kit::{Phone, Platform, packages, user};

#[test]
fn each_look_up_claims_one_package_and_the_last_resort_stays() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let published = packages(&bea, 3);
    for package in &published {
        assert_eq!(claim(&mut platform, &ann, &bea), [Some(package.clone())]);
    }
    for _ in 0..3 {
        assert_eq!(claim(&mut platform, &ann, &bea), [Some(b"last resort".to_vec())]);
    }
    // A repeat of what was published puts nothing out twice, also when the device wants all others withdrawn.
    platform.publish(&bea, 3);
    assert_eq!(claim(&mut platform, &ann, &bea), [Some(b"last resort".to_vec())]);
    let more = packages(&bea, 5);
    assert_eq!(platform.relay.publish(bea.id(), &more, None, false, platform.now), Ok(2));
    assert_eq!(platform.relay.publish(bea.id(), &more, None, true, platform.now), Ok(2));
    assert_eq!(claim(&mut platform, &ann, &bea), [Some(more[3].clone())]);
    let replaced = [b"new".to_vec()];
    assert_eq!(platform.relay.publish(bea.id(), &replaced, None, true, platform.now), Ok(1));
    assert_eq!(claim(&mut platform, &ann, &bea), [Some(replaced[0].clone())]);
    assert_eq!(claim(&mut platform, &ann, &bea), [None], "the last-resort one was withdrawn too");
}

#[test]
fn packages_go_only_to_who_may_start_or_talks_already() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let cleo = platform.phone("cleo", "client");
    assert_eq!(claim(&mut platform, &bea, &ann), [None]);
    assert_eq!(claim(&mut platform, &cleo, &ann), [None]);
    assert!(!look_up(&mut platform, &bea, &ann, false).devices.is_empty(), "certificates are for everyone");
    platform.session(&ann, &bea);
    assert!(claim(&mut platform, &bea, &ann)[0].is_some());
    assert_eq!(claim(&mut platform, &cleo, &ann), [None]);
    // Own other devices, but never the caller's own package.
    let tablet = platform.second_phone(&ann);
    platform.login(&tablet).unwrap();
    assert!(claim(&mut platform, &tablet, &ann)[0].is_some());
    platform.publish(&tablet, 1);
    assert_eq!(claim(&mut platform, &tablet, &ann).iter().flatten().count(), 1);
}

#[test]
fn no_package_is_claimed_by_just_looking() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let seen = look_up(&mut platform, &ann, &bea, false);
    assert_eq!(seen.devices[0].certificate, bea.certificate.as_bytes());
    assert_eq!(seen.devices[0].key_package, None);
    assert_eq!(platform.login(&bea).unwrap().key_packages, 3);
}

#[test]
fn one_caller_cannot_drain_anothers_packages() {
    let claims = Rate { burst: 2, per_minute: 1 };
    let mut platform = Platform::with_limits(Limits { claims, ..Limits::default() });
    let (ann, cleo) = (platform.phone("ann", "client"), platform.phone("cleo", "client"));
    let bea = platform.phone("bea", "escort");
    for _ in 0..9 {
        assert!(claim(&mut platform, &ann, &bea)[0].is_some());
    }
    assert_eq!(platform.login(&bea).unwrap().key_packages, 1);
    assert_eq!(claim(&mut platform, &cleo, &bea), [Some(packages(&bea, 3)[2].clone())]);
}

#[test]
fn only_devices_in_good_standing_are_listed() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let unpublished = platform.second_phone(&bea);
    platform.login(&unpublished).unwrap();
    let brief = undertone::authority::IdentityKey::from_bytes(*bea.identity.to_bytes());
    let brief = platform.phone_of(bea.user.clone(), brief, "escort", platform.now.plus(DAY));
    platform.login(&brief).unwrap();
    platform.publish(&brief, 1);
    assert_eq!(look_up(&mut platform, &ann, &bea, false).devices.len(), 2);
    platform.now = platform.now.plus(DAY);
    assert_eq!(look_up(&mut platform, &ann, &bea, false).devices.len(), 1);
    let list = platform.authority.revoke(1, platform.now, &[bea.certificate.serial()].into()).unwrap();
    platform.relay.revoke(list.as_bytes()).unwrap();
    assert!(look_up(&mut platform, &ann, &bea, true).devices.is_empty());
    let nobody = platform.relay.look_up(ann.id(), &[user("nobody")], true, platform.now).unwrap();
    assert!(nobody.len() == 1 && nobody[0].devices.is_empty());
}

#[test]
fn what_is_published_is_bounded() {
    let limits = Limits { key_packages: 4, devices: 1, ..Limits::default() };
    let mut platform = Platform::with_limits(limits);
    let bea = platform.phone("bea", "escort");
    let now = platform.now;
    let mut publish = |packages: &[Vec<u8>]| platform.relay.publish(bea.id(), packages, None, false, now);
    let refused = |reason| Err(Fault::Refused(reason));
    assert_eq!(publish(&packages(&bea, 5)), refused(RefusedReason::TooLarge));
    assert_eq!(publish(&[vec![1], vec![2]]), refused(RefusedReason::TooLarge), "two more than fit");
    assert_eq!(publish(&[vec![0; undertone::limits::KEY_PACKAGE + 1]]), refused(RefusedReason::TooLarge));
    assert_eq!(publish(&[Vec::new()]), refused(RefusedReason::Malformed));
    assert_eq!(platform.login(&bea).unwrap().key_packages, 3, "what was refused left nothing");
    let tablet = platform.second_phone(&bea);
    platform.login(&tablet).unwrap();
    let second = platform.relay.publish(tablet.id(), &packages(&tablet, 1), None, false, now);
    assert_eq!(second, refused(RefusedReason::TooLarge));
    let users: Vec<_> = (0..65).map(|number| user(&format!("user {number}"))).collect();
    let asked = platform.relay.look_up(bea.id(), &users, false, now);
    assert!(asked == Err(Fault::Refused(RefusedReason::TooLarge)));
}

#[test]
fn a_search_for_key_packages_costs_as_much_as_it_asks_for() {
    let inputs = Rate { burst: 100, per_minute: 0 };
    let mut platform = Platform::with_limits(Limits { inputs, ..Limits::default() });
    let ann = platform.phone("ann", "client");
    let mut ask = |key_packages: bool, round: u64| {
        let users: Vec<_> = (0..64).map(|number| user(&format!("nobody {round} {number}"))).collect();
        platform.relay.look_up(ann.id(), &users, key_packages, platform.now).is_ok()
    };
    assert!((0..20).all(|round| ask(false, round)), "a look writes nothing");
    assert!(ask(true, 1) && !ask(true, 2));
    assert_eq!(platform.relay.into_store().count(Table::Watch), 64);
}

#[test]
fn packages_cost_one_by_one_also_when_the_next_ones_take_their_place() {
    let inputs = Rate { burst: 100, per_minute: 0 };
    let mut platform = Platform::with_limits(Limits { inputs, ..Limits::default() });
    let ann = platform.phone("ann", "client");
    let mut publish = |round: u8| {
        let packages: Vec<_> = (0..40).map(|number| vec![round, number]).collect();
        platform.relay.publish(ann.id(), &packages, None, true, platform.now)
    };
    assert!(publish(1).is_ok() && publish(2).is_ok());
    assert_eq!(publish(3), Err(Fault::Refused(RefusedReason::RateLimited)));
}

#[test]
fn who_installs_anew_again_and_again_is_listed_every_time() {
    let mut platform = Platform::new();
    let ann = platform.phone("ann", "client");
    let mut bea = platform.phone("bea", "escort");
    platform.session(&ann, &bea);
    let mut gone = std::collections::BTreeSet::new();
    for round in 1..=2 * platform.limits.devices as u64 {
        // Every other certificate expires, the rest are revoked.
        if round % 2 == 0 {
            platform.now = platform.now.plus(91 * DAY);
            let renewed = platform.renewed(&ann, "client");
            platform.login_with(&ann, renewed.as_bytes()).unwrap();
        } else {
            gone.insert(bea.certificate.serial());
            let list = platform.authority.revoke(round, platform.now, &gone).unwrap();
            platform.relay.revoke(list.as_bytes()).unwrap();
        }
        bea = platform.second_phone(&bea);
        platform.login(&bea).unwrap();
        let listed = platform.relay.publish(bea.id(), &packages(&bea, 1), None, false, platform.now);
        assert_eq!(listed, Ok(1), "{round}");
        let seen = look_up(&mut platform, &ann, &bea, true).devices;
        assert!(seen.len() == 1 && seen[0].certificate == bea.certificate.as_bytes());
    }
}

#[test]
fn a_device_that_made_room_is_listed_again_once_it_has_a_new_certificate() {
    let mut platform = Platform::with_limits(Limits { devices: 1, ..Limits::default() });
    let ann = platform.phone("ann", "client");
    let first = platform.phone("bea", "escort");
    platform.now = platform.now.plus(91 * DAY);
    let second = platform.second_phone(&first);
    platform.login(&second).unwrap();
    platform.publish(&second, 1);
    let renewed = platform.renewed(&first, "escort");
    assert_eq!(platform.login_with(&first, renewed.as_bytes()).unwrap().key_packages, 0, "so that it publishes");
    let full = platform.relay.publish(first.id(), &packages(&first, 9), None, false, platform.now);
    assert_eq!(full, Err(Fault::Refused(RefusedReason::TooLarge)), "the second is in good standing");
    platform.now = platform.now.plus(89 * DAY);
    let renewed = platform.renewed(&first, "escort");
    platform.login_with(&first, renewed.as_bytes()).unwrap();
    platform.now = platform.now.plus(2 * DAY);
    platform.publish(&first, 9);
    let hers = platform.renewed(&ann, "client");
    platform.login_with(&ann, hers.as_bytes()).unwrap();
    let seen = look_up(&mut platform, &ann, &first, false).devices;
    assert!(seen.len() == 1 && seen[0].certificate == renewed.as_bytes());
}

#[test]
fn who_talks_with_a_user_is_told_of_a_new_device_until_it_looks() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let cleo = platform.phone("cleo", "client");
    platform.session(&ann, &bea);
    platform.relay.logout(bea.id());
    platform.outputs();
    let tablet = platform.second_phone(&ann);
    platform.login(&tablet).unwrap();
    assert!(platform.outputs().is_empty(), "not before it can be added");
    platform.publish(&tablet, 1);
    let told = |to: &Phone| Output::DirectoryChanged { to: to.id(), user: ann.user.clone() };
    assert!(platform.outputs() == [told(&ann)], "the user's own device; not who has nothing to do with it");
    platform.login(&cleo).unwrap();
    assert!(platform.outputs().is_empty());
    for _ in 0..2 {
        platform.login(&bea).unwrap();
        assert!(platform.outputs() == [told(&bea)], "at every login");
    }
    look_up(&mut platform, &bea, &ann, true);
    platform.login(&bea).unwrap();
    assert!(platform.outputs().is_empty(), "until it has looked");
    platform.publish(&tablet, 2);
    assert!(platform.outputs().is_empty(), "more packages are no news");
}

#[test]
fn who_looked_for_a_user_in_vain_is_told_when_they_come() {
    let mut platform = Platform::new();
    let (ann, cleo) = (platform.phone("ann", "client"), platform.phone("cleo", "client"));
    let late = platform.unlisted_phone("bea", "escort");
    assert!(look_up(&mut platform, &ann, &late, true).devices.is_empty());
    assert!(look_up(&mut platform, &cleo, &late, false).devices.is_empty());
    platform.login(&late).unwrap();
    platform.publish(&late, 1);
    assert!(platform.outputs() == [Output::DirectoryChanged { to: ann.id(), user: late.user.clone() }]);
}

fn look_up(platform: &mut Platform, caller: &Phone, owner: &Phone, key_packages: bool) -> DirectoryUser {
    let users = [owner.user.clone()];
    let mut found = platform.relay.look_up(caller.id(), &users, key_packages, platform.now).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn claim(platform: &mut Platform, caller: &Phone, owner: &Phone) -> Vec<Option<Vec<u8>>> {
    look_up(platform, caller, owner, true).devices.into_iter().map(|device| device.key_package).collect()
}
