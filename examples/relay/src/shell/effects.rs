//! What the relay wants done that is no frame. None of it waits: the thread that owns the relay goes on.

use std::sync::Arc;

use tokio::sync::mpsc;
use undertone::envelope::PushHint;
use undertone::id::DeviceId;

use super::push::Hook;
use crate::logic::BlobName;

#[derive(Default)]
pub(crate) struct Effects {
    /// Where the names of blobs go whose bytes are to be removed.
    pub(in crate::shell) removed: Option<mpsc::UnboundedSender<BlobName>>,
    /// Where devices are told of that are to be woken.
    pub(in crate::shell) hook: Option<Arc<Hook>>,
}

impl Effects {
    pub(crate) fn remove_blob(&self, name: BlobName) {
        if let Some(removed) = &self.removed {
            // Without a receiver the server goes away; the next run looks for what was left behind.
            let _ = removed.send(name);
        }
    }

    /// Nothing but the device and the hint reaches a push service.
    pub(crate) fn push(&self, device: DeviceId, hint: PushHint) {
        tracing::debug!(?hint, "push");
        if let Some(hook) = &self.hook {
            hook.push(device, hint);
        }
    }
}
