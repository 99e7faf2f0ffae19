//! Whom a text names.

use undertone::id::UserId;
use undertone::message::Mention;

/// Every `@name` of one of these users that stands alone, in order.
pub fn of<'u>(text: &str, users: impl Iterator<Item = &'u UserId>) -> Vec<Mention> {
    let mut mentions: Vec<Mention> = users.flat_map(|user| of_user(text, user)).collect();
    mentions.sort_by_key(|mention| mention.range.start);
    mentions
}

fn of_user(text: &str, user: &UserId) -> Vec<Mention> {
    let name = format!("@{}", user.as_str());
    let stands_alone = |range: &core::ops::Range<usize>| {
        let before = text.get(..range.start).and_then(|before| before.chars().next_back());
        let behind = text.get(range.end..).and_then(|behind| behind.chars().next());
        ![before, behind].into_iter().flatten().any(char::is_alphanumeric)
    };
    let ranges = text.match_indices(&name).map(|(at, found)| at..at + found.len());
    ranges.filter(stands_alone).map(|range| Mention { range, user: user.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_behind_an_at_sign_is_a_mention() {
        let bea = UserId::new("bea").unwrap();
        let found = |text: &str| of(text, [&bea].into_iter()).into_iter().map(|m| m.range).collect::<Vec<_>>();
        assert_eq!(found("@bea, are you there, @bea?"), [0..4, 21..25]);
        assert_eq!(found("für @bea!\n@bea"), [5..9, 11..15]);
        assert!(found("bea @beate x@bea @ bea").is_empty());
    }
}
