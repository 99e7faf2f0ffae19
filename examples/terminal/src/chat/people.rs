//! Whom there are conversations with, what they are called, and who they prove to be.

use undertone::search::SearchQuery;
use undertone::{Engine, Error};

use super::Chat;
use crate::text;

/// Conversations that a search for names shows.
const FOUND: usize = 20;

impl Chat {
    pub(super) async fn chats(&self) {
        match self.engine(|engine, now| Ok((engine.conversations().newest(now)?.conversations, now))).await {
            Ok((chats, _)) if chats.is_empty() => self.paper.line("2", "no conversations yet"),
            Ok((chats, now)) => {
                chats.iter().for_each(|chat| self.paper.line("0", &text::chat(chat, &self.user, now)));
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Lists the conversations with people of a name.
    pub(super) async fn find(&self, name: String) {
        let search = move |engine: &mut Engine, now| {
            let query = SearchQuery::parse(&name).map_err(Error::Misuse)?;
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let page = engine.conversations().search(&query, cursor.as_ref(), FOUND - found.len(), now)?;
                found.extend(page.conversations);
                cursor = page.next;
                if cursor.is_none() || found.len() >= FOUND {
                    return Ok((found, now));
                }
            }
        };
        match self.engine(search).await {
            Ok((found, _)) if found.is_empty() => self.paper.line("2", "nobody found"),
            Ok((found, now)) => {
                found.iter().for_each(|chat| self.paper.line("0", &text::chat(chat, &self.user, now)));
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Sets what the other is called here.
    pub(super) async fn name(&self, name: String) {
        let Some((_, user)) = self.open.clone() else {
            return self.paper.line("31", "whom? /start USER first");
        };
        let (who, given) = (user.as_str().to_owned(), !name.is_empty());
        let set = move |engine: &mut Engine, now| {
            engine.privacy().set_display_name(&user, given.then_some(name.as_str()), now)?;
            engine.privacy().display_name(&user)
        };
        match self.engine(set).await {
            Ok(Some(name)) => self.paper.line("2", &format!("— {who} is {name} here")),
            Ok(None) => self.paper.line("2", &format!("— {who} has no other name here")),
            Err(error) => self.fail(&error),
        }
    }

    pub(super) async fn safety(&self) {
        let Some((_, user)) = self.open.clone() else {
            return self.paper.line("31", "with whom? /start USER first");
        };
        match self.engine(move |engine, _| engine.identity().safety_number(&user)).await {
            Ok(Some(number)) => self.paper.line("0", &format!("safety number: {}", number.digits())),
            Ok(None) => self.paper.line("33", "their identity is not known yet: exchange a message first"),
            Err(error) => self.fail(&error),
        }
    }

    /// Shows what a camera would read of the safety number: an app makes a QR code of these bytes.
    pub(super) async fn qr(&self) {
        let Some((_, user)) = self.open.clone() else {
            return self.paper.line("31", "with whom? /start USER first");
        };
        match self.engine(move |engine, _| engine.identity().safety_number(&user)).await {
            Ok(Some(number)) => {
                self.paper.line("0", &format!("/scan {}", data_encoding::HEXLOWER.encode(number.qr_payload())));
            }
            Ok(None) => self.paper.line("33", "their identity is not known yet: exchange a message first"),
            Err(error) => self.fail(&error),
        }
    }

    /// Compares the safety number with what the other's screen showed.
    pub(super) async fn scan(&self, scanned: Vec<u8>) {
        let Some((_, user)) = self.open.clone() else {
            return self.paper.line("31", "with whom? /start USER first");
        };
        let who = user.as_str().to_owned();
        match self.engine(move |engine, now| engine.identity().verify_scanned(&user, &scanned, now)).await {
            Ok(true) => self.paper.line("2", &format!("— it is the same: {who} is verified")),
            Ok(false) => self.paper.line("1;31", &format!("it is another: whoever this is, it is not {who}")),
            Err(error) => self.fail(&error),
        }
    }
}
