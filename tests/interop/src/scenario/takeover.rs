// SPDX-License-Identifier: MPL-2.0
//! A state directory that passes between the reference relays and ours.
use crate::client::*;
use crate::crates::Dialect;
use crate::peers::echo_owner;
use crate::relay::{Context, LogTail, Relay, STOP_IN};
use anyhow::{Context as _, Result, ensure};
use std::net::SocketAddr;
use std::path::Path;

/// Runs the reference relay on the directory: it must find this identity.
async fn reference(c: &Context, d: Dialect, dir: &Path, pubkey: [u8; 32]) -> Result<()> {
    let relay = Relay::start_as(c, (c.other(d)?, true), dir, c.free_place(), &[]).await;
    let relay = relay.with_context(|| format!("relay {}", d.version()))?;
    ensure!(relay.pubkey == pubkey, "{} has another identity", d.version());
    relay.signal(libc::SIGTERM);
    relay.wait(STOP_IN).await?;
    Ok(())
}

/// Runs ours on the directory, joined to a relay of ours that it meets and remembers.
async fn ours(c: &Context, dir: &Path, pubkey: [u8; 32], peer: SocketAddr) -> Result<()> {
    let boot = peer.to_string();
    let relay = Relay::start(c, dir, c.free_place(), &["--bootstrap", &boot]).await?;
    ensure!(relay.pubkey == pubkey, "ours has another identity");
    let tunnel = echo_owner(relay.at).await?;
    visit(relay.at, tunnel.slot, 10).await?;
    for _ in 0..200 {
        if relay.log().contains("bootstrap peer reached") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    relay.stop().await.map_err(|e| e.context(LogTail(relay.tail())))
}

/// From 0.6.0 to ours and back, then to 0.3.2 and back: identity and peers stay, whichever version
/// wrote them.
pub async fn reference_relays(c: &Context) -> Result<String> {
    let (dir, first) = (c.directory()?, SocketAddr::from(([192, 0, 2, 1], 7001)));
    let data = dir.join("data");
    let met = c.start(&[]).await?;
    let found = Dialect::C.published().database(&data, Some(first)).await?;
    let pubkey = found.pubkey;
    ensure!(found.peers == [first].into(), "the crate keeps {:?}", found.peers);
    for d in [Dialect::C, Dialect::A] {
        reference(c, d, &dir, pubkey).await?;
        ours(c, &dir, pubkey, met.place.tcp).await?;
        reference(c, d, &dir, pubkey).await?;
        let found = d.published().database(&data, None).await?;
        ensure!(found.pubkey == pubkey, "crate {} finds another identity", d.version());
        for peer in [first, met.place.tcp] {
            let is_kept = found.peers.contains(&peer);
            ensure!(is_kept, "crate {} does not find {peer} in {:?}", d.version(), found.peers);
        }
    }
    met.stop().await?;
    Ok(String::new())
}
