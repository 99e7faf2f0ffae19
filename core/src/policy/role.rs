//! A role's name.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits;

/// The name of a role, like `client`: 1 to [`limits::ROLE`] bytes of `a`–`z`, `0`–`9`, `_` and `-`.
///
/// A role is a name and nothing more: what it may do is in the [`Policy`](super::Policy), who holds it is in the
/// [`Certificate`](crate::authority::Certificate).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(String);

impl Role {
    /// A role of this name; `None` when the name is empty, too long, or has other characters.
    ///
    /// ```
    /// # use undertone::policy::Role;
    /// assert!(Role::new("client").is_some());
    /// assert!(Role::new("Client").is_none());
    /// ```
    pub fn new(name: &str) -> Option<Role> {
        let fits = (1..=limits::ROLE).contains(&name.len());
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        (fits && plain).then(|| Role(name.to_owned()))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(name: &str) -> Result<Role, ()> {
        Role::new(name).ok_or(())
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Role::new(&name).ok_or_else(|| de::Error::custom("not a role's name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_a_short_plain_name() {
        for good in ["a", "client", "vip-client_2", &"r".repeat(limits::ROLE)] {
            assert_eq!(Role::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "Client", "cli ent", "é", "a/b", "a\n", "a.b", &"r".repeat(limits::ROLE + 1)] {
            assert!(Role::new(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_bad_name_is_refused_on_the_wire_as_well() {
        let role = Role::new("client").unwrap();
        assert_eq!(crate::codec::decode::<Role>(&crate::codec::encode(&role).unwrap(), "role"), Ok(role));
        assert!(crate::codec::decode::<Role>(&crate::codec::encode("Client").unwrap(), "role").is_err());
    }
}
