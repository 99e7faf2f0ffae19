//! The part of rayon's interface that OpenMLS uses, on the calling thread.
//!
//! OpenMLS derives and encrypts the path of a commit with rayon. The real one starts a pool of threads at the first
//! commit, sent or received, and never ends it; and its threads draw the engine's randomness in whatever order they
//! run. The engine owns no thread and repeats itself from its seed, so this workspace, and with it every library
//! that it ships, has this crate in rayon's place (`[patch.crates-io]` in the root's `Cargo.toml`).
//!
//! A Rust host that depends on `undertone` from elsewhere gets the real rayon, unless it patches likewise: that
//! works, with the pool and without repeatability.

/// What `use rayon::prelude::*` brings into scope.
pub mod prelude {
    pub use crate::{IntoParallelIterator, IntoParallelRefIterator};
}

/// Iterates by value.
pub trait IntoParallelIterator {
    /// An ordinary iterator.
    type Iter: Iterator;

    /// The iterator over `self`, in order.
    fn into_par_iter(self) -> Self::Iter;
}

impl<T: IntoIterator> IntoParallelIterator for T {
    type Iter = T::IntoIter;

    fn into_par_iter(self) -> T::IntoIter {
        self.into_iter()
    }
}

/// Iterates by reference.
pub trait IntoParallelRefIterator<'a> {
    /// An ordinary iterator.
    type Iter: Iterator;

    /// The iterator over references into `self`, in order.
    fn par_iter(&'a self) -> Self::Iter;
}

impl<'a, T: ?Sized + 'a> IntoParallelRefIterator<'a> for T
where
    &'a T: IntoIterator,
{
    type Iter = <&'a T as IntoIterator>::IntoIter;

    fn par_iter(&'a self) -> Self::Iter {
        self.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::prelude::*;

    #[test]
    fn everything_runs_in_order_on_the_calling_thread() {
        let here = std::thread::current().id();
        let numbers = vec![1, 2, 3];
        let seen: Vec<_> =
            numbers[..].par_iter().zip(numbers.par_iter()).map(|(a, b)| (a * b, std::thread::current().id())).collect();
        assert_eq!(seen, [(1, here), (4, here), (9, here)]);
        assert_eq!(numbers.into_par_iter().map(Some).collect::<Option<Vec<_>>>(), Some(vec![1, 2, 3]));
    }
}
