//! What a handle of an engine with files may do: open, suspended, or closed by an error.

use std::cell::Cell;

use crate::error::StoreError;

/// A session `S` while the store is open, and what is left of it when it is not.
pub(super) struct Handle<S> {
    state: State<S>,
    /// Set by a failure of what only reads, when the state is only lent.
    failed: Cell<bool>,
}

enum State<S> {
    Open(S),
    /// Suspended when the store had this generation.
    Suspended(u64),
    /// An error ended the session.
    Closed,
    /// There is no store any more.
    Destroyed,
}

impl<S> Handle<S> {
    pub(super) fn new(session: S) -> Handle<S> {
        Handle { state: State::Open(session), failed: Cell::new(false) }
    }

    /// Runs what reads.
    pub(super) fn read<T>(&self, work: impl FnOnce(&S) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let State::Open(session) = &self.state else { return Err(StoreError::Closed) };
        if self.failed.get() {
            return Err(StoreError::Closed);
        }
        let result = work(session);
        self.failed.set(result.is_err());
        result
    }

    /// Runs what writes; after an error the session is gone.
    pub(super) fn write<T>(&mut self, work: impl FnOnce(&mut S) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let State::Open(session) = &mut self.state else { return Err(StoreError::Closed) };
        let result = if self.failed.get() { Err(StoreError::Closed) } else { work(session) };
        if result.is_err() {
            self.state = State::Closed;
        }
        result
    }

    /// Ends the session, to close or to suspend.
    pub(super) fn take(&mut self) -> Result<S, StoreError> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(session) if !self.failed.get() => Ok(session),
            _ => Err(StoreError::Closed),
        }
    }

    /// Destroys the store by `work`, which is given the session if there is one: a suspended store, or one that an error
    /// closed, can be destroyed as well. After a failure it can be tried again.
    pub(super) fn destroy(&mut self, work: impl FnOnce(Option<S>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let (session, otherwise) = match std::mem::replace(&mut self.state, State::Destroyed) {
            State::Open(session) => (Some(session), State::Closed),
            State::Suspended(generation) => (None, State::Suspended(generation)),
            State::Closed => (None, State::Closed),
            State::Destroyed => return Err(StoreError::Closed),
        };
        let result = work(session);
        match &result {
            Ok(()) => {}
            Err(StoreError::Locked) => self.state = otherwise,
            Err(_) => self.state = State::Closed,
        }
        result
    }

    /// Remembers the generation that the store had when its session was taken.
    pub(super) fn suspended(&mut self, generation: u64) {
        self.state = State::Suspended(generation);
    }

    /// Goes on with a session, opened by a function that is given the generation at suspension. Stays suspended while
    /// another process has the store.
    pub(super) fn resume<T>(&mut self, open: impl FnOnce(u64) -> Result<(S, T), StoreError>) -> Result<T, StoreError> {
        let State::Suspended(generation) = self.state else { return Err(StoreError::Closed) };
        match open(generation) {
            Ok((session, answer)) => {
                self.state = State::Open(session);
                Ok(answer)
            }
            Err(error) => {
                if error != StoreError::Locked {
                    self.state = State::Closed;
                }
                Err(error)
            }
        }
    }
}
