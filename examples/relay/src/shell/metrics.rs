//! The relay's figures in Prometheus' text format. No label holds anything of a user.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Shared;
use super::ask::Standing;
use crate::count::Reasons;

/// What the server counts beside the relay.
#[derive(Default)]
pub(super) struct Tally {
    uploaded: AtomicU64,
    downloaded: AtomicU64,
    blobs_refused: AtomicU64,
}

impl Tally {
    /// Bytes of a blob came.
    pub(super) fn uploaded(&self, bytes: usize) {
        self.uploaded.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of a blob went out.
    pub(super) fn downloaded(&self, bytes: usize) {
        self.downloaded.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A request about a blob was refused.
    pub(super) fn blob_refused(&self) {
        self.blobs_refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Everything, as one text.
pub(super) fn text(standing: &Standing, shared: &Shared) -> String {
    let counts = &standing.counts;
    let (open, no_room) = shared.places.count();
    let tally = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut out = Text(String::with_capacity(4_096));
    out.gauge("tcp_connections", "Connections of any kind that are open.", open as u64);
    out.gauge("connections", "WebSockets of devices, logged in or not.", counts.connections);
    out.gauge("devices", "Devices that are logged in.", counts.logged_in);
    out.gauge("blob_bytes", "Bytes of blobs, those being uploaded included.", standing.blob_bytes);
    out.gauge("store_bytes", "Bytes of all rows, 0 if they are kept elsewhere.", standing.store_bytes);
    out.counter("tcp_connections_refused_total", "Connections for which there was no room.", no_room);
    out.counter("logins_total", "Logins that were let in.", counts.logins);
    out.reasons("logins_refused_total", "Logins that were not.", &counts.logins_refused);
    out.reasons("connections_closed_total", "WebSockets that the relay ended.", &counts.closed);
    out.counter("frames_received_total", "Frames from devices.", counts.frames_in);
    out.counter("frames_sent_total", "Frames to devices.", counts.frames_out);
    out.counter("bundles_accepted_total", "Bundles that were accepted, repeats included.", counts.accepted);
    out.counter("slot_conflicts_total", "Commits that lost their slot.", counts.conflicts);
    out.reasons("refused_total", "Bundles and requests that were refused.", &counts.refused);
    out.counter("delivered_total", "Envelopes delivered by themselves.", counts.delivered);
    out.counter("not_given_total", "Acknowledgements of what a device was not given.", counts.not_given);
    out.counter("pushes_total", "Devices that were to be woken.", counts.pushes);
    out.counter("blob_bytes_received_total", "Bytes of blobs that came.", tally(&shared.tally.uploaded));
    out.counter("blob_bytes_sent_total", "Bytes of blobs that went out.", tally(&shared.tally.downloaded));
    out.counter("blobs_refused_total", "Requests about blobs that were refused.", tally(&shared.tally.blobs_refused));
    if let Some(hook) = &shared.hook {
        let counts = hook.counts();
        out.gauge("push_waiting", "Devices that the push hook is to be told of.", counts.waiting);
        out.counter("push_sent_total", "Devices that the push hook was told of.", counts.sent);
        out.counter("push_failed_total", "Requests to the push hook that failed.", counts.failed);
        out.counter("push_dropped_total", "Devices that the push hook was not told of.", counts.dropped);
    }
    out.0
}

struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "gauge");
        let _ = writeln!(self.0, "undertone_{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        let _ = writeln!(self.0, "undertone_{name} {value}");
    }

    fn reasons(&mut self, name: &str, help: &str, reasons: &Reasons) {
        self.head(name, help, "counter");
        for (reason, value) in reasons {
            let _ = writeln!(self.0, "undertone_{name}{{reason=\"{reason}\"}} {value}");
        }
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.0, "# HELP undertone_{name} {help}\n# TYPE undertone_{name} {kind}");
    }
}
