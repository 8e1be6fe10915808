// SPDX-License-Identifier: MPL-2.0
//! Both transports at once.
use crate::client::*;
use crate::line::{Line, Quality};
use crate::peers::*;
use crate::relay::{Context, with};
use anyhow::{Context as _, Result, ensure};
use std::sync::Arc;
use std::time::Duration;

/// A node over this transport serves a downloader over the other.
pub async fn node_here(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let dir = c.directory()?;
        let p = publisher(relay.at, &dir, 20_000_003).await?;
        let there = relay.place.at(c.transport.other());
        let took = download_from(&p, &[p.via.clone()], &dir.join("out.bin"), Some(there)).await?;
        Ok(format!("20 MB in {:.2} s", took.as_secs_f64()))
    })
    .await
}

/// A node has a tunnel over either transport, and loses the one in use, over this one, in the
/// middle of a download: the download completes.
pub async fn cut(c: &Context) -> Result<String> {
    const PASSED: u32 = 3000;
    with(c, &[], async |relay| {
        let dir = c.directory()?;
        let line = Line::new(relay.at, Quality::default()).await?;
        let p = publisher(relay.place.at(c.transport.other()), &dir, 20_000_003).await?;
        let key = p.node.ensure_node_identity().await?;
        let second = Dial { key, detour: Some(line.at) };
        let slot = p.node.register_relay_tunnel(&second, &relay.at.peer()).await?;
        ensure!(slot.slot_id == p.slot, "another slot over the other transport");
        let p = Arc::new(p);
        let (theirs, out) = (p.clone(), dir.join("out.bin"));
        let downloaded =
            tokio::spawn(async move { download(&theirs, &[theirs.via.clone()], &out).await });
        while line.counts().0 < PASSED {
            ensure!(!downloaded.is_finished(), "the newer tunnel was not used");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        line.cut();
        ensure!(!downloaded.is_finished(), "over before the cut");
        let took = downloaded.await?.context("after the cut")?;
        visit(relay.at, p.slot, 10).await?;
        Ok(format!("20 MB in {:.2} s", took.as_secs_f64()))
    })
    .await
}
