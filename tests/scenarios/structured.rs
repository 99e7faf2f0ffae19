//! Cards: places, contacts, events, and payment requests with what became of them.

use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::error::{Error, Misuse};
use undertone::id::{ConversationId, MessageId};
use undertone::message::{Message, MessageContent};
use undertone::search::{Scope, SearchQuery};
use undertone::structured::{CalendarEvent, Contact, Labelled, PaymentRequest, PaymentState, Place, Structured};
use undertone::{Time, limits};
use undertone_tests::sim::{DeviceIx, World};

fn send(world: &mut World, ix: DeviceIx, talk: ConversationId, card: Structured) -> Result<MessageId, Error> {
    world.call(ix, |engine, now| engine.messages().send_structured(talk, card, Draft::text(""), now))
}

fn message(world: &mut World, ix: DeviceIx, talk: ConversationId, id: MessageId) -> Message {
    world.messages(ix, talk).into_iter().find(|message| message.key.id == id).unwrap()
}

fn cards() -> [Structured; 4] {
    let place = Place { name: "Harbour".into(), ..Place::at(535_461_000, 99_661_000) };
    let contact = Contact { phones: vec![Labelled::plain("+49 40 123")], ..Contact::named("Cat Example") };
    let event =
        CalendarEvent { place: "Harbour".into(), ..CalendarEvent::new("Boat trip", Time::from_ms(1_900_000_000_000)) };
    let payment = PaymentRequest { note: "tickets".into(), ..PaymentRequest::new(2_400, "EUR") };
    [Structured::Place(place), Structured::Contact(contact), Structured::Event(event), Structured::Payment(payment)]
}

// R2, R28, R21
#[test]
fn every_card_arrives_as_it_was_sent_counts_as_unread_and_is_found() {
    let mut world = World::new(721);
    let (ann, bea, talk) = world.acquaint();
    world.read_all(bea, talk);
    for (n, card) in cards().into_iter().enumerate() {
        let id = send(&mut world, ann, talk, card.clone()).unwrap();
        world.settle();
        for ix in [ann, bea] {
            assert!(message(&mut world, ix, talk, id).content == MessageContent::Structured(Box::new(card.clone())));
        }
        assert_eq!(world.unread(bea, talk), n as u32 + 1);
    }
    let found = |world: &mut World, words: &str| {
        let query = SearchQuery::parse(words).unwrap();
        let page = world.call(bea, |engine, now| engine.messages().search(&query, Scope::All, None, limits::PAGE, now));
        page.unwrap().hits.len()
    };
    assert_eq!([found(&mut world, "harbour"), found(&mut world, "cat"), found(&mut world, "tickets")], [2, 1, 1]);
    world.check();
}

// R28
#[test]
fn a_card_that_does_not_fit_is_not_sent() {
    let mut world = World::new(722);
    let (ann, _, talk) = world.acquaint();
    let before = world.messages(ann, talk).len();
    for bad in [Structured::Place(Place::at(i32::MAX, 0)), Structured::Payment(PaymentRequest::new(0, "EUR"))] {
        assert!(matches!(send(&mut world, ann, talk, bad), Err(Error::Misuse(Misuse::Structured(_)))));
    }
    let [card, ..] = cards();
    let texted = world.call(ann, |engine, now| engine.messages().send_structured(talk, card, Draft::text("x"), now));
    assert!(matches!(texted, Err(Error::Misuse(Misuse::Structured(_)))));
    assert_eq!(world.messages(ann, talk).len(), before);
}

fn say(
    world: &mut World,
    ix: DeviceIx,
    talk: ConversationId,
    request: &MessageRef,
    state: PaymentState,
) -> Result<(), Error> {
    world.call(ix, |engine, now| engine.messages().set_payment(talk, request, state, now))
}

fn requested(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId, MessageRef) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    let [.., payment] = cards();
    let id = send(&mut world, bea, talk, payment).unwrap();
    world.settle();
    let request = MessageRef { author: world.user(bea), id };
    (world, ann, bea, talk, request)
}

fn shown(world: &mut World, ix: DeviceIx, talk: ConversationId, request: &MessageRef) -> PaymentState {
    message(world, ix, talk, request.id).payment.unwrap()
}

// R28
#[test]
fn a_payment_goes_from_requested_to_confirmed_on_all_devices() {
    let (mut world, ann, bea, talk, request) = requested(723);
    let tablet = world.another(ann);
    world.settle();
    assert_eq!(shown(&mut world, ann, talk, &request), PaymentState::Requested);
    say(&mut world, ann, talk, &request, PaymentState::Paid).unwrap();
    world.settle();
    assert_eq!(shown(&mut world, bea, talk, &request), PaymentState::Paid);
    say(&mut world, bea, talk, &request, PaymentState::Confirmed).unwrap();
    world.settle();
    for ix in [ann, bea] {
        assert_eq!(shown(&mut world, ix, talk, &request), PaymentState::Confirmed);
    }
    assert!(!world.messages(tablet, talk).iter().any(|message| message.key.id == request.id), "it came later");
    let late = say(&mut world, ann, talk, &request, PaymentState::Declined);
    assert_eq!(late, Err(Error::Misuse(Misuse::State)));
    world.check();
}

// R28
#[test]
fn a_payment_that_was_declined_or_cancelled_stays_so_on_both_sides() {
    for (seed, state) in [(726, PaymentState::Declined), (727, PaymentState::Cancelled)] {
        let (mut world, ann, bea, talk, request) = requested(seed);
        let by = if state == PaymentState::Declined { ann } else { bea };
        say(&mut world, by, talk, &request, state).unwrap();
        world.settle();
        for ix in [ann, bea] {
            assert_eq!(shown(&mut world, ix, talk, &request), state);
        }
        world.check();
    }
}

// R28
#[test]
fn neither_side_speaks_for_the_other() {
    let (mut world, ann, bea, talk, request) = requested(724);
    for (ix, state) in [
        (ann, PaymentState::Cancelled),
        (ann, PaymentState::Confirmed),
        (ann, PaymentState::Requested),
        (bea, PaymentState::Paid),
        (bea, PaymentState::Declined),
    ] {
        assert_eq!(say(&mut world, ix, talk, &request, state), Err(Error::Misuse(Misuse::State)), "{state:?}");
    }
    let id = world.send(ann, talk, "no request");
    world.settle();
    let text = MessageRef { author: world.user(ann), id };
    assert_eq!(say(&mut world, bea, talk, &text, PaymentState::Paid), Err(Error::Misuse(Misuse::State)));
    world.check();
}

// R28, R12
#[test]
fn a_payment_that_crosses_with_a_cancellation_stays_in_sight() {
    let (mut world, ann, bea, talk, request) = requested(725);
    world.disconnect(ann);
    world.disconnect(bea);
    say(&mut world, ann, talk, &request, PaymentState::Paid).unwrap();
    say(&mut world, bea, talk, &request, PaymentState::Cancelled).unwrap();
    world.connect(bea);
    world.settle();
    world.connect(ann);
    world.settle();
    for ix in [ann, bea] {
        assert_eq!(shown(&mut world, ix, talk, &request), PaymentState::Paid);
    }
    world.check();
}
