//! The key packages that this device has published.

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::Hash32;
use crate::input::Login;
use crate::limits;
use crate::output::{Request, Wake};
use crate::request::{self, Purpose};
use crate::session::{Provider, key_package};
use crate::store::Table;
use crate::time::Time;
use crate::timer;

const STATE: &[u8] = b"state";

/// What was published, and when.
#[derive(Default, Serialize, Deserialize)]
struct Published {
    last_resort: Option<(Hash32, Time)>,
    /// Replaced last-resort packages, whose private keys go when what is under way has arrived.
    replaced: Vec<(Hash32, Time)>,
}

/// Publishes what the directory lacks; everything anew when what it has may be of keys that this store does not hold.
pub(crate) fn replenish(ctx: &mut Ctx<'_>, login: Login, replace: bool) -> Result<()> {
    let published: Option<Published> = ctx.tx.row(Table::KeyPackage, STATE, "key packages")?;
    let kept = ctx.config.key_packages;
    match (published, login.key_packages) {
        (None, _) => publish(ctx, Published::default(), kept, true),
        (Some(published), _) if replace => publish(ctx, published, kept, true),
        // Below two fifths, the directory is replenished.
        (Some(published), Some(left)) if (left as usize) * 5 < kept * 2 => {
            publish(ctx, published, kept - left as usize, false)
        }
        _ => Ok(()),
    }
}

/// The weekly renewal of the last-resort package, and the end of the private keys of those replaced.
pub(crate) fn due(ctx: &mut Ctx<'_>) -> Result<()> {
    let Some(mut published) = ctx.tx.row::<Published>(Table::KeyPackage, STATE, "key packages")? else { return Ok(()) };
    let now = ctx.now;
    let (gone, kept): (Vec<_>, Vec<_>) =
        published.replaced.drain(..).partition(|(_, at)| now.since(*at) >= limits::LAST_RESORT_KEPT);
    let provider = Provider::new(ctx.crypto, &ctx.tx);
    for (reference, _) in gone {
        key_package::delete(&provider, &reference)?;
    }
    published.replaced = kept;
    publish(ctx, published, 0, false)
}

/// The directory has them.
pub(crate) fn published(_ctx: &mut Ctx<'_>) -> Result<()> {
    Ok(())
}

fn publish(ctx: &mut Ctx<'_>, mut published: Published, count: usize, replace: bool) -> Result<()> {
    let certificate = ctx.account.certificate()?.as_bytes().to_vec();
    let provider = Provider::new(ctx.crypto, &ctx.tx);
    let signer = &ctx.account.device;
    let mut packages = Vec::with_capacity(count);
    for _ in 0..count {
        packages.push(key_package::make(&provider, signer, &certificate, false)?.bytes.into());
    }
    let stale = published.last_resort.is_none_or(|(_, at)| ctx.now.since(at) >= limits::LAST_RESORT_AGE);
    let mut last_resort = None;
    if stale || replace {
        let made = key_package::make(&provider, signer, &certificate, true)?;
        if let Some((reference, _)) = published.last_resort.replace((made.reference, ctx.now)) {
            published.replaced.push((reference, ctx.now));
        }
        last_resort = Some(made.bytes.into());
        timer::set(&ctx.tx, ctx.now.plus(limits::LAST_RESORT_AGE), Wake::KeyPackages, b"last resort");
    }
    ctx.tx.put_row(Table::KeyPackage, STATE.to_vec(), &published)?;
    if packages.is_empty() && last_resort.is_none() {
        return Ok(());
    }
    request::make(ctx, Purpose::Publish, Request::Publish { packages, last_resort, replace })
}
