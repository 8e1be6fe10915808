// SPDX-License-Identifier: MPL-2.0
//! What takes its time: silent crowds, nodes that do not answer, a thin line.
use crate::client::*;
use crate::peers::{self, *};
use crate::relay::{Context, Relay, with};
use anyhow::{Context as _, Result, ensure};
use scp2p_core::cbor;
use scp2p_core::wire::Envelope;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

fn half_client_hello() -> Vec<u8> {
    // A record that announces 1,400 bytes of a ClientHello of which 100 come.
    [&[22, 3, 1, 5, 120, 1, 0, 5, 116, 3, 3][..], &[9; 100]].concat()
}

trait Open: AsyncRead + Unpin + Send {}
impl<T: AsyncRead + Unpin + Send> Open for T {}

async fn crowd(relay: &Relay) -> Result<Vec<Box<dyn Open>>> {
    let mut all: Vec<Box<dyn Open>> = vec![];
    for _ in 0..200 {
        all.push(Box::new(TcpStream::connect(relay.addr).await?));
    }
    for _ in 0..100 {
        let mut s = TcpStream::connect(relay.addr).await?;
        s.write_all(&half_client_hello()).await?;
        all.push(Box::new(s));
    }
    for _ in 0..100 {
        let mut s = tls(relay.addr, None).await?;
        let hello = cbor::to_vec(&new_side().hello(None, now(), 1))?;
        s.write_all(&(hello.len() as u32).to_be_bytes()).await?;
        s.write_all(&hello[..hello.len() / 2]).await?;
        s.flush().await?;
        all.push(Box::new(s));
    }
    Ok(all)
}

/// 200 that say nothing and 200 that say half a hello: others are served as if they were not there,
/// and after the deadline they are gone.
pub async fn silent(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let node = echo_owner(relay.addr).await?;
        let begun = Instant::now();
        let crowd = crowd(relay).await?;
        let mut waits = vec![];
        while begun.elapsed() < HANDSHAKE_DEADLINE - Duration::from_secs(1) {
            let visited = Instant::now();
            visit(relay.addr, node.slot, 256).await.context("an honest client")?;
            waits.push(visited.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let until = begun + HANDSHAKE_DEADLINE + Duration::from_secs(4);
        let mut gone = JoinSet::new();
        for mut s in crowd {
            let left = until.saturating_duration_since(Instant::now());
            gone.spawn(async move { until_closed(&mut s, left).await });
        }
        while let Some(closed) = gone.join_next().await {
            closed?.context("after the deadline")?;
        }
        ensure!(node.is_connected(), "the tunnel went with them");
        let late = relay.counters().await?["timeout_handshake_total"];
        ensure!(late == 400, "{late} of 400 counted as late");
        waits.sort();
        let (median, worst) = (waits[waits.len() / 2], waits[waits.len() - 1]);
        ensure!(median < Duration::from_millis(100), "median visit {median:?}");
        ensure!(worst < Duration::from_secs(1), "worst visit {worst:?}");
        let n = waits.len();
        Ok(format!("{n} visits, median {median:.1?}, worst {worst:.1?}"))
    })
    .await
}

/// A node that takes requests and never answers: its requesters hear so within the deadline, it
/// loses its tunnel, and others do not notice.
pub async fn mute_node(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let mut mute = owner(relay.addr, &new_key(), mute).await?;
        let busy = echo_owner(relay.addr).await?;
        let begun = Instant::now();
        let mut stuck = JoinSet::new();
        for n in 0..10u32 {
            let (addr, slot) = (relay.addr, mute.slot);
            stuck.spawn(async move {
                let mut s = dial(addr, &new_key(), None).await?;
                let inner = Envelope { r#type: 500, req_id: n, flags: 0, payload: vec![] };
                let text = through(&mut s, slot, n, &inner.encode()?).await?.refusal()?;
                let again = through(&mut s, slot, n + 1, &inner.encode()?).await?.refusal()?;
                anyhow::Ok((text, again, begun.elapsed()))
            });
        }
        let mut worst = Duration::ZERO;
        while begun.elapsed() < Duration::from_secs(28) {
            let visited = Instant::now();
            visit(relay.addr, busy.slot, 256).await?;
            worst = worst.max(visited.elapsed());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let (mut last, mut said) = (Duration::ZERO, String::new());
        while let Some(done) = stuck.join_next().await {
            let (text, again, after) = done?.context("a requester of the mute node")?;
            ensure!(after < Duration::from_secs(37), "told only after {after:?}");
            ensure!(again.contains("not found"), "afterwards: {again}");
            (last, said) = (last.max(after), text);
        }
        mute.closed(Duration::from_secs(3)).await?;
        ensure!(worst < Duration::from_secs(1), "another's visit took {worst:?}");
        Ok(format!("\"{said}\" after at most {last:.1?}, others at worst {worst:.1?}"))
    })
    .await
}

/// 512 kbit/s up, 8 requesters of 256 KiB each, first patient ones, then such that give up after
/// 3 s and come again: the tunnel lives through both.
pub async fn slow_uplink(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let line = peers::slow_uplink(relay.addr, 512_000 / 8).await?;
        let node = owner(line, &new_key(), async |q| {
            let size = if q.payload.is_empty() { 256 * 1024 } else { 16 };
            Some(reply(&q, vec![0x5a; size]))
        })
        .await?;
        let mut patient = JoinSet::new();
        for n in 0..8u32 {
            let (addr, slot) = (relay.addr, node.slot);
            patient.spawn(async move {
                let mut s = dial(addr, &new_key(), None).await?;
                let inner = Envelope { r#type: 500, req_id: n, flags: 0, payload: vec![] };
                Ok::<_, anyhow::Error>(match through(&mut s, slot, n, &inner.encode()?).await? {
                    Relayed::Answer(e) => usize::from(e.payload.len() == 256 * 1024),
                    Relayed::Refused(_) => 0,
                })
            });
        }
        let mut served = 0;
        while let Some(done) = patient.join_next().await {
            served += done??;
        }
        ensure!(served >= 7, "{served} of 8 patient requesters were served");
        ensure!(node.is_connected(), "the tunnel was closed");
        let hasty = hasty_requesters(relay.addr, node.slot).await;
        ensure!(node.is_connected(), "the tunnel was closed by those who gave up");
        visit(relay.addr, node.slot, 1).await.context("afterwards")?;
        Ok(format!("{served} of 8 patient ones served, {hasty} visits of hasty ones"))
    })
    .await
}

async fn hasty_requesters(addr: std::net::SocketAddr, slot: u64) -> usize {
    let end = Instant::now() + Duration::from_secs(12);
    let mut all = JoinSet::new();
    for _ in 0..8 {
        all.spawn(async move {
            let mut visits = 0;
            while Instant::now() < end {
                let _ = tokio::time::timeout(Duration::from_secs(3), visit(addr, slot, 0)).await;
                visits += 1;
            }
            visits
        });
    }
    let mut visits = 0;
    while let Some(n) = all.join_next().await {
        visits += n.unwrap_or(0);
    }
    visits
}
