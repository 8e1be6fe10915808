// SPDX-License-Identifier: MPL-2.0
//! What takes its time: silent crowds, nodes that do not answer, a thin line.
use crate::client::*;
use crate::initial::Hello;
use crate::line::{Line, Quality};
use crate::peers::*;
use crate::relay::{Context, Relay, with};
use crate::stream::{At, Raw, Transport};
use anyhow::{Context as _, Result, ensure};
use scp2p_core::cbor;
use scp2p_core::wire::Envelope;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

fn half_client_hello() -> Vec<u8> {
    // A record that announces 1,400 bytes of a ClientHello of which 100 come.
    [&[22, 3, 1, 5, 120, 1, 0, 5, 116, 3, 3][..], &[9; 100]].concat()
}

/// Connections of which each says too little. Those with a socket or stream are seen to close.
struct Crowd {
    open: Vec<Raw>,
    bare: Vec<TcpStream>,
    /// How many of them a deadline of the relay's ends.
    late: u64,
}

async fn half_a_hello(relay: &Relay) -> Result<Raw> {
    let mut s = Raw::open(relay.at, None).await?;
    let hello = cbor::to_vec(&new_side().hello(None, now(), 1))?;
    s.write_all(&(hello.len() as u32).to_be_bytes()).await?;
    s.write_all(&hello[..hello.len() / 2]).await?;
    s.flush().await?;
    Ok(s)
}

async fn crowd(relay: &Relay) -> Result<Crowd> {
    let mut all = Crowd { open: vec![], bare: vec![], late: 400 };
    match relay.at.transport {
        Transport::Tls => {
            for _ in 0..200 {
                all.bare.push(TcpStream::connect(relay.at.addr).await?);
            }
            for _ in 0..100 {
                let mut s = TcpStream::connect(relay.at.addr).await?;
                s.write_all(&half_client_hello()).await?;
                all.bare.push(s);
            }
        }
        Transport::Quic => {
            // Fewer than make the relay ask for proof of the address.
            let (hello, socket) =
                (Hello::new()?, tokio::net::UdpSocket::bind("127.0.0.1:0").await?);
            for n in 0..100 {
                let flight = hello.flight(random())?;
                for d in &flight[..1 + n % 2] {
                    socket.send_to(d, relay.at.addr).await?;
                }
            }
            for _ in 0..200 {
                all.open.push(Raw::open(relay.at, None).await?);
            }
        }
    }
    for _ in 0..100 {
        all.open.push(half_a_hello(relay).await?);
    }
    Ok(all)
}

/// Crowds that say nothing, half of the transport's hello, half of ours: others are served as if
/// they were not there, and after the deadline they are gone.
pub async fn silent(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let node = echo_owner(relay.at).await?;
        let begun = Instant::now();
        let crowd = crowd(relay).await?;
        let mut waits = vec![];
        while begun.elapsed() < HANDSHAKE_DEADLINE - Duration::from_secs(1) {
            let visited = Instant::now();
            visit(relay.at, node.slot, 256).await.context("an honest client")?;
            waits.push(visited.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let until = begun + HANDSHAKE_DEADLINE + Duration::from_secs(4);
        let mut gone = JoinSet::new();
        let left = until.saturating_duration_since(Instant::now());
        for mut s in crowd.open {
            gone.spawn(async move { until_closed(&mut s, left).await });
        }
        for mut s in crowd.bare {
            gone.spawn(async move { until_closed(&mut s, left).await });
        }
        while let Some(closed) = gone.join_next().await {
            closed?.context("after the deadline")?;
        }
        ensure!(node.is_connected(), "the tunnel went with them");
        let late = relay.counters().await?["timeout_handshake_total"];
        ensure!(late == crowd.late, "{late} of {} counted as late", crowd.late);
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
        let mut mute = owner(relay.at, &new_key(), mute).await?;
        let busy = echo_owner(relay.at).await?;
        let begun = Instant::now();
        let mut stuck = JoinSet::new();
        for n in 0..10u32 {
            let (addr, slot) = (relay.at, mute.slot);
            stuck.spawn(async move {
                let mut s = dial(addr, &new_key(), None).await?;
                let inner = Envelope { r#type: 500, req_id: n, flags: 0, payload: vec![] };
                let text = through(&mut s, slot, n, &inner.encode()?).await?.refusal()?;
                let after = begun.elapsed();
                // A request that meets the tunnel while it closes is refused as the first one was.
                let mut again = String::new();
                while !again.contains("not found")
                    && begun.elapsed() < after + Duration::from_secs(1)
                {
                    again = through(&mut s, slot, n + 1, &inner.encode()?).await?.refusal()?;
                }
                anyhow::Ok((text, again, after))
            });
        }
        let mut worst = Duration::ZERO;
        while begun.elapsed() < Duration::from_secs(28) {
            let visited = Instant::now();
            visit(relay.at, busy.slot, 256).await?;
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
        let thin = Quality { bytes_per_second: Some(512_000 / 8), ..Quality::default() };
        let line = Line::new(relay.at, thin).await?;
        let node = owner(line.at, &new_key(), async |q| {
            let size = if q.payload.is_empty() { 256 * 1024 } else { 16 };
            Some(reply(&q, vec![0x5a; size]))
        })
        .await?;
        let mut patient = JoinSet::new();
        for n in 0..8u32 {
            let (addr, slot) = (relay.at, node.slot);
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
        let hasty = hasty_requesters(relay.at, node.slot).await;
        ensure!(node.is_connected(), "the tunnel was closed by those who gave up");
        visit(relay.at, node.slot, 1).await.context("afterwards")?;
        Ok(format!("{served} of 8 patient ones served, {hasty} visits of hasty ones"))
    })
    .await
}

async fn hasty_requesters(addr: At, slot: u64) -> usize {
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

/// Nothing is said for two minutes, neither by the node nor to it: its tunnel is there. A session
/// that is none ends by the idle timeout.
pub async fn silent_tunnel(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let node = echo_owner(relay.at).await?;
        let mut idle = dial(relay.at, &new_key(), None).await?;
        let begun = Instant::now();
        let mut ended = None;
        if c.transport == Transport::Quic {
            until_closed(&mut idle, Duration::from_secs(50)).await.context("an idle session")?;
            ended = Some(begun.elapsed());
            ensure!(begun.elapsed() > Duration::from_secs(25), "an idle session ended soon");
        }
        tokio::time::sleep(Duration::from_secs(122).saturating_sub(begun.elapsed())).await;
        ensure!(node.is_connected(), "the tunnel went");
        visit(relay.at, node.slot, 100).await?;
        Ok(ended.map(|t| format!("an idle session ended after {t:.1?}")).unwrap_or_default())
    })
    .await
}
