// SPDX-License-Identifier: MPL-2.0
//! Starting, ending, and what lies in the data directory meanwhile.
use crate::client::*;
use crate::peers::*;
use crate::relay::{Context, Place, Relay, STOP_IN, with};
use crate::stream::{At, Transport};
use anyhow::{Context as _, Result, ensure};
use scp2p_core::*;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Visitors without pause, as long as it lives.
struct Load {
    tasks: Vec<JoinHandle<()>>,
    served: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
}

impl Load {
    fn start(a: At, slot: u64, visitors: usize) -> Self {
        let served = Arc::new(AtomicU64::new(0));
        let end = Arc::new(AtomicBool::new(false));
        let visitor = || {
            let (served, end) = (served.clone(), end.clone());
            tokio::spawn(async move {
                while !end.load(Ordering::Relaxed) {
                    if visit(a, slot, 20_000).await.is_ok() {
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
        };
        Self { tasks: (0..visitors).map(|_| visitor()).collect(), served, end }
    }

    async fn served_some(&self) -> Result<()> {
        for _ in 0..500 {
            if self.served.load(Ordering::Relaxed) >= 50 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::bail!("no load came about")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// kill -9 in the middle, again and again: identity and slot are the same afterwards.
pub async fn kill_under_load(c: &Context) -> Result<String> {
    let (dir, place, key) = (c.directory()?, c.free_place(), new_key());
    let mut before = None;
    let mut slowest = Duration::ZERO;
    for round in 0..=c.kills {
        let relay = Relay::start(c, &dir, place, &[]).await.with_context(|| format!("{round}"))?;
        slowest = slowest.max(relay.ready_in);
        let node = owner(relay.at, &key, echo).await?;
        let now = (relay.pubkey, node.slot);
        ensure!(*before.get_or_insert(now) == now, "identity or slot changed in round {round}");
        let load = Load::start(relay.at, node.slot, 8);
        load.served_some().await?;
        drop(if round < c.kills {
            relay.kill().await?;
            load
        } else {
            relay.stop().await?;
            load
        });
    }
    Ok(format!("{} kills, slowest start {} ms", c.kills, slowest.as_millis()))
}

/// SIGTERM under load: exit 0 within 10 s, tunnels closed.
pub async fn stop_under_load(c: &Context) -> Result<String> {
    let relay = c.start(&[]).await?;
    let mut busy = echo_owner(relay.at).await?;
    let mut idle = echo_owner(relay.at).await?;
    let mut mute = owner(relay.at, &new_key(), mute).await?;
    let load = Load::start(relay.at, busy.slot, 16);
    let slot = mute.slot;
    let stuck = tokio::spawn(async move { visit(relay.at, slot, 10).await });
    load.served_some().await?;
    let relay_log = |e: anyhow::Error| e.context(crate::relay::LogTail(relay.tail()));
    let begun = Instant::now();
    relay.signal(libc::SIGTERM);
    let status = relay.wait(STOP_IN + Duration::from_millis(500)).await.map_err(relay_log)?;
    let took = begun.elapsed();
    ensure!(status.success(), "{status}");
    for node in [&mut busy, &mut idle, &mut mute] {
        node.closed(Duration::from_secs(2)).await?;
    }
    stuck.await?.err().context("a mute node's requester was served")?;
    drop(load);
    Ok(format!("{:.2} s", took.as_secs_f64()))
}

pub async fn second_relay(c: &Context) -> Result<String> {
    let (dir, place) = (c.directory()?, c.free_place());
    let first = Relay::start(c, &dir, place, &[]).await?;
    let (status, said) = c.refused(c.command(&dir, c.free_place(), &[])).await?;
    ensure!(status.code().is_some_and(|n| n != 0), "{status}");
    ensure!(said.contains("data") && said.lines().count() <= 3, "it said: {said}");
    let node = echo_owner(first.at).await?;
    visit(first.at, node.slot, 10).await?;
    first.stop().await?;
    let again = Relay::start(c, &dir, c.free_place(), &[]).await?;
    ensure!(again.pubkey == first.pubkey, "another identity");
    again.stop().await?;
    Ok(said.trim().to_string())
}

/// The reference's own store on a directory of ours, as its relay opens it: the key it finds.
async fn open_as_reference(dir: &Path) -> Result<[u8; 32]> {
    let data = dir.join("data");
    std::fs::create_dir_all(&data)?;
    let store = SqliteStore::open(data.join("relay.db"))?;
    let node = Node::start_with_store(NodeConfig::default(), store).await?;
    let key = node.ensure_node_identity().await?;
    node.record_peer_seen(tcp(([192, 0, 2, 1], 7001).into())).await?;
    node.pin_bootstrap_key("tcp://192.0.2.1:7001", random())
        .await
        .or_else(|e| if e.to_string().contains("mismatch") { Ok(()) } else { Err(e) })?;
    node.record_peer_seen(tcp(([192, 0, 2, 2], 7001).into())).await?;
    Ok(key.verifying_key().to_bytes())
}

/// A database of the reference's is taken over, and can be taken back.
pub async fn reference_database(c: &Context) -> Result<String> {
    let dir = c.directory()?;
    let key = open_as_reference(&dir).await?;
    for _ in 0..2 {
        let relay = Relay::start(c, &dir, c.free_place(), &[]).await?;
        ensure!(relay.pubkey == key, "another identity than in the database");
        let node = echo_owner(relay.at).await?;
        visit(relay.at, node.slot, 10).await?;
        relay.stop().await?;
        ensure!(open_as_reference(&dir).await? == key, "the reference finds another identity");
    }
    Ok(String::new())
}

/// A new directory: modes, and that the reference can move in.
pub async fn fresh_directory(c: &Context) -> Result<String> {
    let dir = c.directory()?;
    let relay = Relay::start(c, &dir, c.free_place(), &[]).await?;
    for (path, mode) in [(dir.join("data"), 0o700), (dir.join("data/relay.db"), 0o600)] {
        let found = std::fs::metadata(&path)?.permissions().mode() & 0o777;
        ensure!(found == mode, "{} has mode {found:o}", path.display());
    }
    relay.stop().await?;
    ensure!(open_as_reference(&dir).await? == relay.pubkey, "the reference finds another key");
    let again = Relay::start(c, &dir, c.free_place(), &[]).await?;
    ensure!(again.pubkey == relay.pubkey, "another identity after the reference");
    again.stop().await?;
    std::fs::write(dir.join("data/relay.db"), [0x55; 8192])?;
    for old in ["data/relay.db-wal", "data/relay.db-shm"] {
        let _ = std::fs::remove_file(dir.join(old));
    }
    let (status, said) = c.refused(c.command(&dir, c.free_place(), &[])).await?;
    ensure!(status.code().is_some_and(|n| n != 0), "{status} with a corrupt database");
    ensure!(std::fs::read(dir.join("data/relay.db"))? == [0x55; 8192], "it was overwritten");
    ensure!(said.contains("relay.db"), "it said: {said}");
    Ok(format!("ready in {} ms", again.ready_in.as_millis()))
}

pub async fn taken_port(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0")?;
        let udp = std::net::UdpSocket::bind("127.0.0.1:0")?;
        let mut told = String::new();
        let foreign = match c.transport {
            Transport::Tls => tcp.local_addr()?,
            Transport::Quic => udp.local_addr()?,
        };
        for taken in [foreign, relay.at.addr] {
            let free = c.free_place();
            let place = match c.transport {
                Transport::Tls => Place { tcp: taken, ..free },
                Transport::Quic => Place { quic: taken, ..free },
            };
            let (status, said) = c.refused(c.command(&c.directory()?, place, &[])).await?;
            ensure!(status.code().is_some_and(|n| n != 0), "{status}");
            ensure!(said.contains(&taken.port().to_string()), "it said: {said}");
            told = said.trim().lines().last().unwrap_or_default().to_string();
        }
        let node = echo_owner(relay.at).await?;
        for _ in 0..20 {
            visit(relay.at, node.slot, 10).await?;
        }
        Ok(told)
    })
    .await
}
