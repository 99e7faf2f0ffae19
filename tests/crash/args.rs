//! The command line.

use std::path::PathBuf;

use crate::stores::StoreKind;

/// What the command line says. The program and its children share it.
#[derive(Clone, Debug)]
pub struct Args {
    /// The stores under test.
    pub stores: Vec<StoreKind>,
    /// Kills of each engine.
    pub kills: u64,
    /// Power-loss states of each engine, at least.
    pub states: u64,
    /// Turns that two processes take on a store that they may share.
    pub turns: u64,
    /// What all choices are drawn from.
    pub seed: u64,
    /// A child's store.
    pub folder: PathBuf,
    /// Batches that a child writes.
    pub batches: u64,
    /// The last step that was acknowledged.
    pub acked: u64,
    /// The last step that was tried.
    pub tried: u64,
}

/// How the program is used.
pub const HELP: &str = "\
cargo xtask crash [--store NAME ]… [--kills N] [--states N] [--turns N] [--seed N]

Kills a process that has a store open, at random and without warning, and looks at what is left: first one that writes
numbered batches, then a device that sends and receives. Records what such a process writes, rebuilds what a loss of
power at some moment may leave on the disk, and looks at that. Lets two processes take turns where a store allows it.

  --store NAME    a store; again for more; all that a product may use when not given
  --kills N       kills of each store (20)
  --states N      power-loss states of each store, at least (200)
  --turns N       turns that two processes take on a store that they may share (100)
  --seed N        what all choices are drawn from (1)";

impl Args {
    /// Reads `--name value` pairs.
    pub fn parse(words: &[String]) -> Result<Args, String> {
        let mut args = Args {
            stores: Vec::new(),
            kills: 20,
            states: 200,
            turns: 100,
            seed: 1,
            folder: PathBuf::new(),
            batches: u64::MAX / 2,
            acked: 0,
            tried: u64::MAX / 2,
        };
        let mut words = words.iter();
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{name} needs a number, not `{value}`"));
            match name.as_str() {
                "--store" => args.stores.push(StoreKind::from_name(value)?),
                "--kills" => args.kills = number()?,
                "--states" => args.states = number()?,
                "--turns" => args.turns = number()?,
                "--seed" => args.seed = number()?,
                "--folder" => args.folder = value.into(),
                "--batches" => args.batches = number()?,
                "--acked" => args.acked = number()?,
                "--tried" => args.tried = number()?,
                _ => return Err(format!("no option {name}")),
            }
        }
        if args.stores.is_empty() {
            args.stores = StoreKind::REAL.to_vec();
        }
        Ok(args)
    }

    /// The one store of a child.
    pub fn store(&self) -> Result<StoreKind, String> {
        match self.stores[..] {
            [store] => Ok(store),
            _ => Err("a child needs one --store".into()),
        }
    }
}
