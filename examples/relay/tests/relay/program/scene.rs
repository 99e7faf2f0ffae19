//! Two who talk, and somebody who means them harm.

use undertone::id::SessionId;
use undertone_relay::frame::{Down, Up};

use super::process::{ELSEWHERE, Process};
use super::wire::Wire;
use crate::kit::Phone;

const ANN: &str = "annabel-7f3c";
const BEA: &str = "beatrix-9d1e";
const EVE: &str = "evelina-5b2a";

/// Two who talk, and somebody who means them harm.
pub struct Scene {
    pub process: Process,
    pub ann: Phone,
    pub bea: Phone,
    pub eve: Phone,
    pub a: Wire,
    pub b: Wire,
    pub tag: SessionId,
}

impl Scene {
    pub async fn set(settings: &str) -> Scene {
        let mut process = Process::start(settings);
        let (ann, bea) = (process.phone(ANN, "client"), process.phone(BEA, "escort"));
        let eve = process.phone(EVE, "client");
        let (mut a, mut b) = (Wire::log_in(&process, &ann).await, Wire::log_in(&process, &bea).await);
        a.settle(&ann).await;
        b.settle(&bea).await;
        let tag = a.start(&mut process, &ann, &bea).await;
        assert!(matches!(b.next().await, Some(Down::Delivered(_))));
        Scene { process, ann, bea, eve, a, b, tag }
    }

    /// Eve logs in, from where she comes from.
    pub async fn eve_enters(&self) -> Wire {
        Wire::log_in_from(&self.process, &self.eve, ELSEWHERE).await
    }

    /// Ann and Bea still reach each other.
    pub async fn is_unharmed(&mut self) {
        let message = self.ann.message(self.tag, &[&self.bea]);
        self.process.never_logs(&message.body);
        let bytes = message.encode().unwrap();
        self.a.transmit(bytes.clone()).await.unwrap();
        let Some(Down::Delivered(delivery)) = self.b.next().await else { panic!("a delivery") };
        assert!(delivery.envelope == bytes);
        self.b.send(&Up::Acknowledge { ids: vec![delivery.id] }).await;
    }

    pub async fn end(mut self, said: &[&str]) {
        self.is_unharmed().await;
        self.process.end(said).await;
    }
}
