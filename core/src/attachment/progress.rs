//! How far a transfer has come.

use serde::{Deserialize, Serialize};

use super::Layout;
use super::stream::Chain;
use crate::envelope::MessageRef;
use crate::error::{Error, Misuse, Result, StoreError};
use crate::id::{ConversationId, Hash32};
use crate::limits;

/// Which way a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// From here to where it is kept.
    Up,
    /// From there to here.
    Down,
}

/// A transfer under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message whose file it is.
    pub message: MessageRef,
    /// Which way.
    pub way: Way,
    /// Bytes of the file that are done.
    pub done: u64,
    /// Bytes of the file.
    pub size: u64,
    /// What comes next; `None` when every piece is sealed, and the upload waits to be finished.
    pub next: Option<Piece>,
    /// What was sealed or opened last. Only the host knows whether the bytes got to their place before it was interrupted:
    /// who goes on with a transfer does this one again first, which gives the same bytes.
    pub last: Option<Piece>,
}

/// A part of a file, at most 1 MiB: what is encrypted, uploaded, fetched and verified at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its number, from 0.
    pub number: u32,
    /// The bytes of the file; none when it is all padding.
    pub file: core::ops::Range<u64>,
    /// The bytes of what is stored.
    pub stored: core::ops::Range<u64>,
}

/// The row of a transfer under way.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub conversation: ConversationId,
    pub message: MessageRef,
    pub way: Way,
    pub size: u64,
    /// The next piece.
    pub next: u32,
    /// The digests before the next piece and before those in front of it, the latest last.
    pub chain: Vec<Hash32>,
    /// Whether a fresh key is to be drawn before anything is sealed.
    pub fresh_key: bool,
}

impl Row {
    pub fn new(conversation: ConversationId, message: MessageRef, way: Way, layout: Layout) -> Row {
        let chain = vec![Chain::start(layout).0];
        Row { conversation, message, way, size: layout.size(), next: 0, chain, fresh_key: false }
    }

    pub fn layout(&self) -> Result<Layout> {
        Layout::new(self.size).ok_or(Error::Store(StoreError::Corrupt("attachment")))
    }

    /// The digest before a piece, as far back as it is remembered.
    pub fn before(&self, piece: u32) -> Result<Chain> {
        let back = self.next.checked_sub(piece).and_then(|back| usize::try_from(back).ok());
        let at = back.and_then(|back| self.chain.len().checked_sub(back + 1));
        let known = at.and_then(|at| self.chain.get(at)).copied().map(Chain);
        known.ok_or(Error::Misuse(Misuse::Attachment("this piece is not the next one, nor one of the last few")))
    }

    /// A piece is done; `chain` is the digest behind it.
    pub fn moved_on(&mut self, chain: Chain) {
        self.next += 1;
        self.chain.push(chain.0);
        let surplus = self.chain.len().saturating_sub(limits::ATTACHMENT_REWIND + 1);
        self.chain.drain(..surplus);
    }

    pub fn rewind(&mut self) -> Result<()> {
        (self.next, self.chain) = (0, vec![Chain::start(self.layout()?).0]);
        Ok(())
    }

    pub fn show(&self) -> Result<Transfer> {
        let layout = self.layout()?;
        let piece = |number| Piece { number, file: layout.file_range(number), stored: layout.stored_range(number) };
        let next = (self.next < layout.pieces()).then(|| piece(self.next));
        let last = self.next.checked_sub(1).map(piece);
        let done = layout.file_range(self.next).start;
        Ok(Transfer {
            conversation: self.conversation,
            message: self.message.clone(),
            way: self.way,
            done,
            size: self.size,
            next,
            last,
        })
    }
}
