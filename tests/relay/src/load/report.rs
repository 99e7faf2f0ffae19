//! The table.

use std::fmt::Write as _;
use std::path::Path;

use undertone_relay_tests::tally::Sum;

use crate::options::Options;

/// The heading under which the table stands in a page.
const HEADING: &str = "## Relays under load";

/// Rows, as they were measured.
pub struct Report {
    about: String,
    rows: String,
    good: bool,
}

/// One measurement.
pub struct Row<'r> {
    pub scene: &'r str,
    pub what: String,
    pub devices: u64,
    /// Messages that arrived in a second.
    pub rate: f64,
    /// From the sender's clock to the recipient's, which are one; in milliseconds.
    pub latency: Option<(f64, f64)>,
    /// Of all relay processes, for each device, in bytes.
    pub memory: Option<u64>,
    pub sum: Option<Sum>,
}

impl Report {
    pub fn new(options: &Options) -> Report {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let about = format!(
            "Made by `cargo xtask relay-load`; release build, everything on one machine with {cores} cores: relays, NATS \
             servers and the {} devices, which speak the real frames and have no engine. Messages have 400 bytes of body and \
             go from one device to one other, whose acknowledgement is part of the work; each row lasts {} s. p50 and p99 are \
             from the sender's decision to the recipient's receipt. Devices send by chance, at this rate \
             on average. Sustained is the highest rate asked for at which 95 % of what was due in the row arrive in it and p99 is \
             below a second. While links drop, one message in a hundred is followed by \
             the break of its recipient's connection, and relays (and with NATS also servers) are killed with SIGKILL and \
             started again. Lost are copies that were answered *accepted* and never arrived; doubled are copies that were \
             put into one mailbox twice.\n\n",
            options.devices, options.seconds
        );
        Report { about, rows: String::new(), good: true }
    }

    pub fn add(&mut self, row: &Row<'_>) {
        let (p50, p99) =
            row.latency.map_or(("".into(), "".into()), |(p50, p99)| (format!("{p50:.1}"), format!("{p99:.1}")));
        let memory = row.memory.map_or(String::new(), |bytes| format!("{:.0}", bytes as f64 / 1_024.0));
        let (lost, doubled) = row.sum.as_ref().map_or((String::new(), String::new()), |sum| {
            self.good &= sum.lost == 0 && sum.doubled == 0 && sum.times == 0 && sum.faults.is_empty();
            (sum.lost.to_string(), sum.doubled.to_string())
        });
        let line = format!(
            "| {} | {} | {} | {:.0} | {p50} | {p99} | {memory} | {lost} | {doubled} |",
            row.scene, row.what, row.devices, row.rate
        );
        println!("{line}");
        if let Some(sum) = &row.sum {
            sum.faults.iter().take(10).for_each(|fault| println!("    {fault}"));
        }
        let _ = writeln!(self.rows, "{line}");
    }

    pub fn is_good(&self) -> bool {
        self.good
    }

    pub fn text(&self) -> String {
        format!(
            "{}| relays | what | devices | messages/s | p50 ms | p99 ms | relay memory per device, kB | lost | doubled |\n\
             |---|---|---|---|---|---|---|---|---|\n{}",
            self.about, self.rows
        )
    }

    /// Puts the table under its heading in a page, in the place of an earlier one.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let page = std::fs::read_to_string(path)?;
        std::fs::write(path, placed(&page, &self.text()))
    }
}

/// The page with a text under the heading, up to the next heading; at the end when there is no such heading yet.
fn placed(page: &str, text: &str) -> String {
    let (before, old) = page.split_once(HEADING).unwrap_or((page, ""));
    let after = old.find("\n## ").map_or("", |at| &old[at..]);
    format!("{}\n\n{HEADING}\n\n{text}{after}", before.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_and_behind_the_table_stays() {
        let page = format!("# Page\n\n{HEADING}\n\nold\n\n## Behind\n\nstays\n");
        assert_eq!(placed(&page, "new\n"), format!("# Page\n\n{HEADING}\n\nnew\n\n## Behind\n\nstays\n"));
        assert_eq!(placed("# Page\n", "new\n"), format!("# Page\n\n{HEADING}\n\nnew\n"));
    }
}
