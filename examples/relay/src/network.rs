//! Where a connection comes from, as far as limits care.

use std::net::IpAddr;
use std::str::FromStr;

/// What counts as one address: an IPv4 address, or the /64 of an IPv6 address, which one subscriber has to himself.
///
/// It has no `Debug`: addresses are not for logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(u64);

impl Network {
    /// Of an address. An IPv4 address written as an IPv6 one is that IPv4 address.
    pub fn of(address: IpAddr) -> Network {
        Network(match address.to_canonical() {
            // No network of IPv6 begins with 32 zero bits but reserved ones.
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or(u64::MAX),
        })
    }
}

/// A block of addresses, like `10.0.0.0/8` or `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    prefix: u8,
}

impl Block {
    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(address)) => {
                let differs = block.to_bits() ^ address.to_bits();
                differs.checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(block), IpAddr::V6(address)) => {
                let differs = block.to_bits() ^ address.to_bits();
                differs.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Block {
    type Err = NoBlock;

    fn from_str(text: &str) -> Result<Block, NoBlock> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NoBlock)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| NoBlock)?;
        if prefix > most { Err(NoBlock) } else { Ok(Block { address, prefix }) }
    }
}

/// A text is no block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no address like 10.0.0.1 and no block like 10.0.0.0/8")]
pub struct NoBlock;

/// Who speaks, when proxies are trusted to say it. `forwarded` is what `X-Forwarded-For` says, all of it: every proxy appends
/// whom it was called by, so that the last address that is no trusted proxy is the one that nobody made up.
pub fn client(peer: IpAddr, forwarded: &str, proxies: &[Block]) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|block| block.contains(address));
    let mut client = peer.to_canonical();
    for said in forwarded.rsplit(',') {
        if !trusted(client) {
            break;
        }
        let Ok(said) = said.trim().parse::<IpAddr>() else { break };
        client = said.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_has_one_network() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert!(network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9"));
        assert!(network("2001:db8:1:2::1") != network("2001:db8:1:3::1"));
        assert!(network("192.0.2.1") != network("192.0.2.2"));
        assert!(network("192.0.2.1") == network("::ffff:192.0.2.1"));
    }

    #[test]
    fn blocks_hold_what_they_say() {
        let block = |text: &str| text.parse::<Block>();
        let holds = |text: &str, address: &str| block(text).unwrap().contains(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("::/0", "2001:db8::1") && holds("::1", "::1") && !holds("::1", "::2"));
        assert!(holds("127.0.0.1", "::ffff:127.0.0.1"));
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "proxy.example"] {
            assert_eq!(block(bad), Err(NoBlock), "{bad}");
        }
    }

    #[test]
    fn only_trusted_proxies_say_who_speaks() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let who = |peer: &str, said: &str| client(peer.parse().unwrap(), said, &proxies).to_string();
        assert_eq!(who("203.0.113.9", "192.0.2.1"), "203.0.113.9", "nobody is asked who is no proxy");
        assert_eq!(who("10.0.0.1", "192.0.2.1"), "192.0.2.1");
        assert_eq!(who("10.0.0.1", "192.0.2.66, 192.0.2.1"), "192.0.2.1", "what the client itself said does not count");
        assert_eq!(who("10.0.0.1", "192.0.2.66, 192.0.2.1, 10.0.0.2"), "192.0.2.1", "a chain of proxies");
        assert_eq!(who("10.0.0.1", ""), "10.0.0.1");
        assert_eq!(who("10.0.0.1", "nonsense"), "10.0.0.1");
    }
}
