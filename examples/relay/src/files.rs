//! How many files and connections the operating system lets the program have open.

/// Files that are open beside connections: the database, files under way, the log.
const BESIDE: u64 = 256;

/// Raises the limit to what it may be without anybody's leave: a service is often started with 1,024, for programs that
/// cannot deal with more. What it is then, if it is known.
pub fn raise_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        // It may be refused, where the highest is said to be none: then it stays.
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        if raised.is_ok() { maximum } else { current }
    }
    #[cfg(not(unix))]
    None
}

/// Whether so many connections fit below a limit.
pub fn fit(connections: usize, limit: Option<u64>) -> bool {
    limit.is_none_or(|limit| connections as u64 + BESIDE <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_limit_is_raised_to_what_it_may_be() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Some(maximum) = getrlimit(Resource::Nofile).maximum else { return };
        setrlimit(Resource::Nofile, Rlimit { current: Some(maximum - 1), maximum: Some(maximum) }).unwrap();
        assert_eq!(raise_limit(), Some(maximum));
        assert_eq!(getrlimit(Resource::Nofile).current, Some(maximum));
    }

    #[test]
    fn connections_fit_with_what_is_open_beside_them() {
        assert!(fit(10_000, Some(10_256)) && fit(10_000, None));
        assert!(!fit(10_000, Some(10_255)));
    }
}
