//! The figures as a table, on the screen and as a page.

use std::fmt::Write;
use std::time::Duration;

use crate::baseline::Mls;
use crate::chores::Chore;
use crate::crowd::Crowd;
use crate::files::Files;
use crate::history::History;
use crate::rotation::Rotation;
use crate::search::{self, Search, Sort};
use crate::stores::Kind;
use crate::traffic::Traffic;

/// Rows of the tables.
#[derive(Default)]
pub struct Chart {
    baselines: String,
    traffic: String,
    history: String,
    files: String,
    large: String,
    index: String,
    search: String,
    crowd: String,
    chores: String,
    rotation: String,
}

impl Chart {
    pub fn baselines(&mut self, mls: &Mls, disk: Duration) {
        self.baselines = format!(
            "Bare OpenMLS: encrypt {}, decrypt {} (µs). One append of 1 kB with fdatasync: {} µs.\n",
            us(mls.encrypt),
            us(mls.decrypt),
            us(disk)
        );
    }

    pub fn traffic(&mut self, kind: Kind, traffic: &Traffic, mls: &Mls, disk: Duration) {
        let rows = [
            ("send, one by one", traffic.send_single, mls.encrypt, 1),
            ("send, 1,000 in a drain", traffic.send_drain, mls.encrypt, 1_000),
            ("receive, one by one", traffic.receive_single, mls.decrypt, 1),
            ("receive, 1,000 in a drain", traffic.receive_drain, mls.decrypt, 1_000),
        ];
        for (what, time, bare, per_flush) in rows {
            let flush = if kind.is_durable() { disk / per_flush } else { Duration::ZERO };
            let own = time.saturating_sub(bare).saturating_sub(flush);
            let _ = writeln!(
                self.traffic,
                "| {} | {what} | {} | {:.2} | {:.2} | {} |",
                kind.name(),
                us(time),
                ratio(time, bare),
                ratio(time, disk),
                us(own)
            );
        }
        if kind.is_durable() {
            let _ = writeln!(
                self.traffic,
                "| {} | bytes per received message: written {}, kept before compaction {} | | | | |",
                kind.name(),
                traffic.written,
                traffic.kept
            );
        }
    }

    pub fn history(&mut self, kind: Kind, messages: usize, history: &History) {
        let _ = writeln!(
            self.history,
            "| {} | {messages} | {} | {} | {} | {} | {} | {} | {:.0} | {} |",
            kind.name(),
            us(history.newest),
            us(history.middle),
            us(history.opening.time),
            history.opening.memory_kb,
            history.disk,
            history.compact,
            history.speed,
            ms(history.longest)
        );
    }

    pub fn files(&mut self, files: &Files) {
        let rows = [
            ("bare ChaCha20-Poly1305, encrypt", files.bare_encrypt, files.bare_encrypt),
            ("bare ChaCha20-Poly1305, decrypt", files.bare_decrypt, files.bare_decrypt),
            ("bare SHA-256", files.bare_hash, files.bare_encrypt),
            ("encrypt for upload", files.seal, files.bare_encrypt),
            ("decrypt a download", files.open, files.bare_decrypt),
            ("decrypt ranges, without the digest", files.read, files.bare_decrypt),
        ];
        for (what, time, bare) in rows {
            let speed = files.bytes as f64 / time.as_secs_f64().max(1e-9) / 1e6;
            let _ = writeln!(self.files, "| {what} | {speed:.0} | {:.2} |", ratio(bare, time));
        }
    }

    pub fn search(&mut self, kind: Kind, messages: usize, search: &Search) {
        let _ = writeln!(
            self.index,
            "| {} | {messages} | {:.1} | {:.1} | {} | {:.1} | {} | {:.1} |",
            kind.name(),
            search.text,
            search.index,
            search.rows,
            search.files,
            us(search.insert),
            search.longest.as_secs_f64() * 1e3
        );
        let _ = writeln!(
            self.large,
            "| {} | {messages} | {} | {} | {} | {} |",
            kind.name(),
            search::CONVERSATIONS,
            us(search.newest),
            us(search.opening.time),
            search.opening.memory_kb
        );
        for Sort { what, times: [half, most, all], busy, hits } in &search.sorts {
            let _ = writeln!(
                self.search,
                "| {} | {messages} | {what} | {:.2} | {:.2} | {:.2} | {:.2} | {hits} |",
                kind.name(),
                busy.as_secs_f64() * 1e3,
                half.as_secs_f64() * 1e3,
                most.as_secs_f64() * 1e3,
                all.as_secs_f64() * 1e3
            );
        }
    }

    /// The tables of many messages in many conversations, and of searches there.
    pub fn searches(&self) -> String {
        format!(
            "| store | messages | conversations | page of 50, newest of the largest µs | open to first page µs | memory of open kB |\n|---|---|---|---|---|---|\n{}\n\
             | store | messages | bytes of text | bytes of index | rows of index | disk bytes before compaction | µs to put and index | longest mutation ms |\n|---|---|---|---|---|---|---|---|\n{}\n\
             | store | messages | first page of a search for | processor ms, mean | p50 ms | p95 ms | longest ms | hits |\n|---|---|---|---|---|---|---|---|\n{}",
            self.large, self.index, self.search
        )
    }

    pub fn crowd(&mut self, kind: Kind, people: usize, crowd: &Crowd) {
        let _ = writeln!(
            self.crowd,
            "| {} | {people} | {} | {} | {} | {} |",
            kind.name(),
            us(crowd.opening.time),
            crowd.opening.memory_kb,
            us(crowd.first),
            us(crowd.whole)
        );
    }

    pub fn chore(&mut self, kind: Kind, chore: &Chore) {
        let each = chore.time / u32::try_from(chore.count).unwrap_or(u32::MAX).max(1);
        let (count, what) = (chore.count, chore.what);
        let _ = writeln!(self.chores, "| {} | {count} {what} | {} | {} |", kind.name(), us(each), ms(chore.longest));
    }

    pub fn rotation(&mut self, kind: Kind, kept: usize, rotation: &Rotation) {
        let (rows, time, longest) = (rotation.rows, ms(rotation.time), ms(rotation.longest));
        let _ = writeln!(self.rotation, "| {} | {kept} | {rows} | {time} | {longest} |", kind.name());
    }

    /// Everything.
    pub fn text(&self) -> String {
        format!(
            "{}\n| store | what | µs per message | × bare MLS | × append + fdatasync | own µs |\n|---|---|---|---|---|---|\n{}\n\
             | store | messages | page of 50, newest µs | page of 50, middle µs | open to first page µs | memory of open kB | disk bytes per message | after compaction | compaction MB/s | its longest step ms |\n|---|---|---|---|---|---|---|---|---|---|\n{}\n\
             | store | conversations | open to first page µs | memory of open kB | first page of the list µs | whole list µs |\n|---|---|---|---|---|---|\n{}\n\
             | store | at once | µs each | longest call ms |\n|---|---|---|---|\n{}\n\
             | store | messages kept | rows written to make a deleted one unreadable | together ms | longest call ms |\n|---|---|---|---|---|\n{}\n\
             | attachment | MB/s | of the speed of bare ChaCha20-Poly1305 |\n|---|---|---|\n{}\n{}",
            self.baselines,
            self.traffic,
            self.history,
            self.crowd,
            self.chores,
            self.rotation,
            self.files,
            self.searches()
        )
    }

    /// The page for `docs`.
    pub fn page(&self) -> String {
        format!(
            "# Benchmarks\n\n\
             Made by `cargo xtask bench`; messages of 200 bytes between two members, release build. Machines are noisy: \
             compare the ratios, which are taken within one run. “Own µs” is what remains after the bare MLS operation \
             and, on disk, one append with fdatasync per flush. A flush of a store costs more than that append; see \
             `docs/storage.md`.\n\n{}",
            self.text()
        )
    }
}

fn us(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e6)
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

fn ratio(time: Duration, base: Duration) -> f64 {
    time.as_secs_f64() / base.as_secs_f64().max(1e-9)
}
