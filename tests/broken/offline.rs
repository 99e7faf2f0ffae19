//! An offline queue that is older than the past epochs that members keep.

use undertone::envelope::EnvelopeKind;
use undertone::sabotage::Sabotage;
use undertone_tests::sim::net::{Body, ToRelay};
use undertone_tests::sim::{Fate, World};

/// What bea is shown of a message that was written before eight epochs passed, while ann answers no question about it.
fn an_old_queue(fault: Option<Sabotage>) -> Vec<String> {
    let mut world = World::new(410);
    world.sabotage = fault;
    let ([ann, _, bea], talk) = world.with_an_old_queue();
    // Nobody can ask for it again: the first attempt must do.
    world.tap = Some(Box::new(move |packet| {
        let asks = matches!(&packet.body, Body::Up(ToRelay::Submit(_, bundle)) if bundle.iter().any(|bytes| {
            undertone::envelope::Envelope::decode(bytes).unwrap().kind == EnvelopeKind::Receipt
        }));
        if asks && packet.device != ann { Fate::Drop } else { Fate::Pass }
    }));
    world.connect(ann);
    world.settle();
    world.check();
    let mut others = world.texts(bea, talk);
    others.retain(|text| text != "first" && !text.starts_with("day") && !text.starts_with("yes"));
    others
}

#[test]
fn an_offline_queue_older_than_the_past_epochs_kept() {
    assert_eq!(an_old_queue(None), ["written long ago"], "it was encrypted when the link came up");
    assert_eq!(an_old_queue(Some(Sabotage::EncryptsOffline)), ["[Encrypted Message]"], "its keys are gone everywhere");
}
