// SPDX-License-Identifier: MPL-2.0
//! Many at once.
use crate::client::*;
use crate::peers::*;
use crate::relay::{Context, with};
use crate::stream::Raw;
use anyhow::{Context as _, Result, ensure};
use scp2p_core::wire::Envelope;
use scp2p_core::{Capabilities, handshake_initiator};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Fifty whole nodes download one file through one tunnel at the same time.
pub async fn fifty_downloaders(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let dir = c.directory()?;
        let p = Arc::new(publisher(relay.at, &dir, 1_000_003).await?);
        let begun = Instant::now();
        let mut all = JoinSet::new();
        for n in 0..50 {
            let (p, out) = (p.clone(), dir.join(format!("out{n}.bin")));
            all.spawn(async move { download(&p, &[p.via.clone()], &out).await });
        }
        let mut failures = vec![];
        while let Some(done) = all.join_next().await {
            if let Err(e) = done? {
                failures.push(format!("{e:#}"));
            }
        }
        ensure!(failures.is_empty(), "{} of 50: {}", failures.len(), failures[0]);
        Ok(format!("all in {:.2} s", begun.elapsed().as_secs_f64()))
    })
    .await
}

/// Sessions that ask for 1 MiB answers, one after another, and read nothing. The first ones fill
/// the kernel's buffers, the rest would fill the relay's: its memory stays bounded, others are
/// served.
pub async fn slow_readers(c: &Context) -> Result<String> {
    const MEMORY_MAX_MIB: u64 = 32;
    const REQUESTS_EACH: u32 = 6;
    with(c, &["--memory-max", "32MiB"], async |relay| {
        let before = relay.peak_rss()?;
        let node = owner(relay.at, &new_key(), async |q: Envelope| {
            let size = if q.payload.is_empty() { 1024 * 1024 - 200 } else { 100 };
            Some(reply(&q, vec![0x5a; size]))
        })
        .await?;
        let honest = echo_owner(relay.at).await?;
        let inner = Envelope { r#type: 500, req_id: 1, flags: 0, payload: vec![] }.encode()?;
        let mut readers = vec![];
        let mut worst = Duration::ZERO;
        for n in 0..c.slow_readers {
            let mut s = Raw::open(relay.at, Some(4096)).await?;
            let caps = Capabilities::default();
            handshake_initiator(&mut s, &new_key(), caps, random(), None).await?;
            for req_id in 0..REQUESTS_EACH {
                write_frame(&mut s, &relay_stream(node.slot, req_id, &inner)?.encode()?).await?;
            }
            readers.push(s);
            if n % 10 == 9 {
                let begun = Instant::now();
                visit(relay.at, honest.slot, 1000).await.with_context(|| format!("at {n}"))?;
                worst = worst.max(begun.elapsed());
            }
        }
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            let begun = Instant::now();
            visit(relay.at, honest.slot, 1000).await.context("an honest client")?;
            worst = worst.max(begun.elapsed());
            visit(relay.at, node.slot, 1).await.context("the same node, asked by others")?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let grown = (relay.peak_rss()? - before) >> 20;
        let bound = MEMORY_MAX_MIB + 16 + c.slow_readers as u64 / 16;
        ensure!(c.is_instrumented || grown <= bound, "grew by {grown} MiB of {MEMORY_MAX_MIB}");
        ensure!(worst < Duration::from_secs(3), "an honest client waited {worst:?}");
        relay.has_counted(&["memory_evicted_total"]).await?;
        ensure!(node.is_connected() && honest.is_connected(), "a tunnel went");
        let n = readers.len();
        Ok(format!("{n} readers, {grown} MiB more, others at worst {} ms", worst.as_millis()))
    })
    .await
}

/// Forty nodes answer with 1 MiB at once, which is more than `memory_max` holds: everybody hears
/// something soon, and no node pays with its tunnel.
pub async fn big_answers(c: &Context) -> Result<String> {
    const NODES: usize = 40;
    with(c, &["--memory-max", "16MiB"], async |relay| {
        let (gate, open) = tokio::sync::watch::channel(false);
        let mut nodes = vec![];
        for _ in 0..NODES {
            let (open, key) = (open.clone(), new_key());
            let node = owner(relay.at, &key, move |q: Envelope| {
                let mut open = open.clone();
                async move {
                    open.wait_for(|is_open| *is_open).await.ok()?;
                    Some(reply(&q, vec![0x5a; 1024 * 1024 - 200]))
                }
            });
            nodes.push(node.await?);
        }
        let mut visits = JoinSet::new();
        for node in &nodes {
            let (addr, slot) = (relay.at, node.slot);
            visits.spawn(async move { visit(addr, slot, 0).await });
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let begun = Instant::now();
        gate.send(true)?;
        let (mut served, mut refused) = (0, 0);
        while let Some(done) = visits.join_next().await {
            match done? {
                Ok(r) => served += usize::from(r.payload.len() > 1_000_000),
                Err(e) if format!("{e:#}").contains("memory") => refused += 1,
                Err(e) => return Err(e),
            }
        }
        let took = begun.elapsed();
        ensure!(nodes.iter().all(Owner::is_connected), "a tunnel went");
        ensure!(took < Duration::from_secs(5), "{served} served, {refused} refused in {took:?}");
        Ok(format!("{served} served, {refused} refused in {:.2} s", took.as_secs_f64()))
    })
    .await
}
