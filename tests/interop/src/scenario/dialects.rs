// SPDX-License-Identifier: MPL-2.0
//! Crates of every dialect through one relay, and the relay's own dialler against all of them.
use super::Skipped;
use crate::client::*;
use crate::crates::Dialect;
use crate::relay::{Context, with};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

const VISIT: Duration = Duration::from_secs(10);

/// The first bytes of a marked nonce; the next is the format version, then the dialects served.
const MARK_LENGTH: usize = 8;
const FORMAT: u8 = 1;
const ALL_DIALECTS: u8 = 0b111;

/// Each crate meets the relay in its own dialect; ours marks its nonces, alike in all dialects.
pub async fn handshake(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let mut nonces = BTreeSet::new();
        for d in c.dialects().into_iter().flat_map(|d| [d, d]) {
            let pin = Some(relay.pubkey);
            let (_s, remote) = d.published().session(relay.at, &new_key(), pin).await?;
            ensure!(remote.pubkey == relay.pubkey, "{d:?}: another key");
            ensure!(remote.protocol == d.protocol(), "{d:?}: version {}", remote.protocol);
            nonces.insert(remote.nonce);
        }
        ensure!(nonces.len() == 2 * c.dialects().len(), "a nonce twice");
        if !c.is_reference() {
            let marks: BTreeSet<_> = nonces.iter().map(|n| &n[..MARK_LENGTH]).collect();
            let mark = marks.first().context("no mark")?;
            ensure!(marks.len() == 1, "{} marks", marks.len());
            ensure!(mark[6] & 0xf == FORMAT && mark[7] == ALL_DIALECTS, "marked {mark:?}");
        }
        Ok(String::new())
    })
    .await
}

/// Many downloaders of the oldest and of the newest crate at the same time; a node of either
/// serves those of the other.
pub async fn downloaders(c: &Context) -> Result<String> {
    const EACH: usize = 20;
    with(c, &[], async |relay| {
        let (at, mut tasks) = (relay.at, vec![]);
        for (node, requester) in [(Dialect::A, Dialect::C), (Dialect::C, Dialect::A)] {
            let dir = c.directory()?;
            let published = Arc::new(node.published().publish(at, &dir, 2_000_003).await?);
            for n in 0..EACH {
                let (published, out) = (published.clone(), dir.join(format!("out{n}")));
                tasks.push(tokio::spawn(async move {
                    requester.published().download(&published, at, &out).await
                }));
            }
        }
        let mut slowest = Duration::ZERO;
        for task in tasks {
            slowest = slowest.max(task.await??);
        }
        Ok(format!("{} downloads, the slowest {:.2} s", 2 * EACH, slowest.as_secs_f64()))
    })
    .await
}

/// A node of each crate behind a tunnel serves requesters of every crate.
pub async fn fetch(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let (dialects, relay_at) = (c.dialects(), relay.at);
        let dirs: Vec<_> = dialects.iter().map(|_| c.directory()).collect::<Result<_>>()?;
        let publishing = dialects.iter().zip(&dirs).map(|(d, dir)| {
            let (d, dir) = (*d, dir.clone());
            tokio::spawn(async move {
                let publication = d.published().publish(relay_at, &dir, 2_000_003).await;
                publication.with_context(|| format!("publishing with {}", d.version()))
            })
        });
        let publishing: Vec<_> = publishing.collect();
        let mut count = 0;
        for ((node, published), dir) in dialects.iter().zip(publishing).zip(&dirs) {
            let publication = published.await??;
            for requester in &dialects {
                requester
                    .published()
                    .download(&publication, relay.at, &dir.join("out.bin"))
                    .await
                    .with_context(|| format!("{} from {}", requester.version(), node.version()))?;
                count += 1;
            }
        }
        if !c.is_reference() {
            for d in ["a", "b", "c"] {
                relay.has_counted(&[&format!("sessions_dialect_{d}_total")]).await?;
            }
        }
        Ok(format!("{count} combinations"))
    })
    .await
}

/// The relay's dialler against the server of each crate. `dial_probe TRANSPORT HOST PORT DIALECT
/// [KEY]` drives it: it prints the server's key and exits with 0, or fails.
pub async fn dial_out(c: &Context) -> Result<String> {
    let Some(probe) = &c.dial_probe else {
        return Err(Skipped("no --dial-probe PROGRAM given".into()).into());
    };
    for theirs in Dialect::ALL {
        let key = new_key();
        let pubkey = hex::encode(key.verifying_key().to_bytes());
        let other = hex::encode(new_key().verifying_key().to_bytes());
        let (server, addr) = theirs.published().server(c.transport).await?;
        let port = addr.port().to_string();
        let cases = [(theirs, None), (theirs, Some(&pubkey)), (theirs, Some(&other))];
        let foreign = Dialect::ALL.into_iter().filter(|d| *d != theirs).map(|d| (d, None));
        for (ours, pin) in cases.into_iter().chain(foreign) {
            let what = format!("dialect {ours:?} to {} with pin {pin:?}", theirs.version());
            let is_accepted = ours == theirs && pin != Some(&other);
            let mut command = tokio::process::Command::new(probe);
            let dialect = format!("{ours:?}").to_lowercase();
            command.args([c.transport.name(), "127.0.0.1", &port, &dialect]).args(pin);
            command.stdout(Stdio::piped()).kill_on_drop(true);
            let child = command.spawn().with_context(|| probe.display().to_string())?;
            let met = tokio::time::timeout(VISIT, server.accept(&key)).await;
            let met = met.with_context(|| format!("{what}: no visit"))?;
            ensure!(met.is_ok() == is_accepted, "{what}: the server says {:?}", met.err());
            let out = tokio::time::timeout(VISIT, child.wait_with_output());
            let out = out.await.with_context(|| format!("{what}: the probe hangs"))??;
            drop(met);
            ensure!(out.status.success() == is_accepted, "{what}: {}", out.status);
            let said = String::from_utf8_lossy(&out.stdout).into_owned();
            ensure!(!is_accepted || said.contains(&pubkey), "{what}: the probe said {said:?}");
        }
    }
    Ok(String::new())
}
