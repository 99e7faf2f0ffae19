//! The engine behind its one lock, and the signal that there is something to drain.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use undertone::error::Misuse;
use undertone::time::Time;

use crate::clock::Clock;
use crate::error::{Result, panicked};

/// What all nouns of one engine share.
pub(crate) struct Shared {
    /// `None` once it was shut down.
    engine: Mutex<Option<undertone::Engine>>,
    /// Whether there is no engine any more: for who must not wait until a call of another thread is done.
    over: AtomicBool,
    pub clock: Clock,
    pub signal: Arc<Signal>,
}

impl Shared {
    pub fn new(engine: undertone::Engine, clock: Clock) -> Arc<Shared> {
        let signal = Arc::new(Signal::default());
        if let Clock::Manual(clock) = &clock {
            clock.watch(&signal);
        }
        // What opening has brought is to be drained.
        signal.raise();
        Arc::new(Shared { engine: Mutex::new(Some(engine)), over: AtomicBool::new(false), clock, signal })
    }

    /// A query: it changes nothing that a host would drain.
    pub fn read<T>(&self, query: impl FnOnce(&mut undertone::Engine, Time) -> undertone::Result<T>) -> Result<T> {
        let now = self.clock.now()?;
        let mut engine = self.engine.lock();
        let open = engine.as_mut().ok_or(Misuse::Closed)?;
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| query(open, now))) else {
            // What it holds in memory may be half of a change; what it has on the disk is not.
            let broken = engine.take();
            self.over.store(true, Ordering::SeqCst);
            let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
            return Err(panicked());
        };
        Ok(result?)
    }

    /// A command or input: whoever waits looks for what it has brought.
    pub fn change<T>(&self, command: impl FnOnce(&mut undertone::Engine, Time) -> undertone::Result<T>) -> Result<T> {
        let result = self.read(command);
        self.signal.raise();
        result
    }

    /// Says whether the engine is still there, without waiting for anything: a host asks on the thread that shows things.
    pub fn check(&self) -> Result<()> {
        if self.over.load(Ordering::SeqCst) { Err(Misuse::Closed.into()) } else { Ok(()) }
    }

    /// Ends the engine, which releases its store. What was done is durable first.
    pub fn shut_down(&self) {
        let engine = self.engine.lock().take();
        self.over.store(true, Ordering::SeqCst);
        if let Some(mut engine) = engine {
            // An output comes behind a flush. If that fails, nobody was told of what is lost, as in a crash.
            let _ = engine.poll_output();
        }
        self.signal.raise();
    }
}

/// Says that there is something to drain. It has no thread: whoever raises it wakes those who wait.
#[derive(Default)]
pub(crate) struct Signal {
    raised: AtomicBool,
    waiting: Notify,
}

impl Signal {
    pub fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
        self.waiting.notify_waiters();
    }

    pub fn lower(&self) {
        self.raised.store(false, Ordering::SeqCst);
    }

    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::SeqCst)
    }

    /// Until it is raised; at once when it is.
    pub async fn wait(&self) {
        loop {
            // Made before the look, so that what is raised in between is not missed.
            let woken = self.waiting.notified();
            if self.is_raised() {
                return;
            }
            woken.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn that_it_is_there_is_said_while_another_thread_is_at_work() {
        let shared = Shared {
            engine: Mutex::new(None),
            over: AtomicBool::new(false),
            clock: Clock::System,
            signal: Arc::default(),
        };
        let at_work = shared.engine.lock();
        assert!(shared.check().is_ok());
        drop(at_work);
        shared.shut_down();
        assert!(shared.check().is_err());
    }

    #[test]
    fn who_waits_is_woken_by_what_comes_before_and_after() {
        let signal = Signal::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(signal.wait());
        assert_eq!(first.as_mut().poll(&mut context), Poll::Pending);
        signal.raise();
        assert_eq!(first.as_mut().poll(&mut context), Poll::Ready(()));
        assert_eq!(pin!(signal.wait()).poll(&mut context), Poll::Ready(()));
        signal.lower();
        assert_eq!(pin!(signal.wait()).poll(&mut context), Poll::Pending);
    }
}
