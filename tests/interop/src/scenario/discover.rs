// SPDX-License-Identifier: MPL-2.0
//! Relays that find each other, and clients that find them all through any of them.
use crate::client::*;
use crate::crates::Dialect;
use crate::relay::{Context, LogTail, Relay};
use anyhow::{Context as _, Result, ensure};
use scp2p_core::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

const SETTLED_IN: Duration = Duration::from_secs(120);
const LEFT_LISTS: Duration = Duration::from_secs(60);
const OTHERS: usize = 2; // relays of the reference in a mixed network

type Keys = BTreeSet<[u8; 32]>;

async fn listed(a: SocketAddr) -> Result<Vec<RelayAnnouncement>> {
    let (node, dial) = client().await?;
    let list = node
        .fetch_relay_list_from_peer(&RelayAwareTransport::new(&dial), &tcp(a), 64)
        .await
        .with_context(|| format!("relay list of {a}"))?;
    for said in &list {
        said.validate_structure()?;
        said.verify_signature()?;
        ensure!(said.is_fresh(now()), "an announcement that is over");
    }
    Ok(list)
}

fn keys(list: &[RelayAnnouncement]) -> Keys {
    list.iter().map(|a| a.relay_pubkey).collect()
}

async fn client() -> Result<(NodeHandle, Dial)> {
    let node = Node::start(NodeConfig::default()).await?;
    let key = node.ensure_node_identity().await?;
    Ok((node, Dial { key, detour: None }))
}

/// The addresses of all relays a node knows.
async fn known(node: &NodeHandle) -> Result<BTreeSet<SocketAddr>> {
    let peers = node.select_relay_peers(10_000).await?;
    Ok(peers.iter().map(|p| SocketAddr::new(p.ip, p.port)).collect())
}

struct Network {
    ours: Vec<Relay>,
    others: Vec<Relay>,
}

impl Network {
    /// count relays of ours, each joining through an earlier one, and some of the reference where
    /// there is one; all announce themselves.
    async fn start(c: &Context, count: usize, with_others: bool) -> Result<Self> {
        let mut n = Self { ours: vec![], others: vec![] };
        for i in 0..count {
            let boot = n.ours.get(i / 2).map(|r| r.place.tcp);
            n.ours.push(start(c, &c.binary, c.is_reference(), boot).await?);
        }
        if let (Some(other), true) = (c.others.get(&Dialect::A), with_others) {
            for _ in 0..OTHERS {
                n.others.push(start(c, other, true, Some(n.ours[0].place.tcp)).await?);
            }
        }
        Ok(n)
    }

    fn all(&self) -> impl Iterator<Item = &Relay> {
        self.ours.iter().chain(&self.others)
    }

    fn keys(&self) -> Keys {
        self.all().map(|r| r.pubkey).collect()
    }

    fn addresses(&self) -> BTreeSet<SocketAddr> {
        self.all().map(|r| r.place.tcp).collect()
    }

    /// Until every relay of ours lists every relay, and no other node.
    async fn settle(&self) -> Result<Duration> {
        let (begun, all) = (Instant::now(), self.keys());
        for r in &self.ours {
            loop {
                let found = keys(&listed(r.place.tcp).await?);
                ensure!(found.is_subset(&all), "{} lists a stranger", r.place.tcp);
                if found == all {
                    break;
                }
                let late = begun.elapsed() > SETTLED_IN;
                ensure!(!late, "{} lists {} of {}", r.place.tcp, found.len(), all.len());
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Ok(begun.elapsed())
    }

    /// Through the relay list of each of ours alone.
    async fn found_by_peers(&self) -> Result<()> {
        for r in &self.ours {
            let (node, dial) = client().await?;
            let transport = RelayAwareTransport::new(&dial);
            let count = node.discover_relays_via_peers(&transport, &[tcp(r.place.tcp)], 64).await?;
            ensure!(count == self.all().count(), "{count} relays through {}", r.place.tcp);
            ensure!(known(&node).await? == self.addresses(), "others through {}", r.place.tcp);
        }
        Ok(())
    }

    /// Through the rendezvous keys, with each of ours alone as a seed; the rounds it took at most.
    /// A key gives one relay a time, so that where relays share keys it takes several.
    async fn found_by_dht(&self, rounds_max: usize) -> Result<usize> {
        let mut most = 0;
        for r in &self.ours {
            let mut met = BTreeSet::new();
            let mut rounds = 0;
            while met != self.addresses() {
                rounds += 1;
                let left = self.addresses().difference(&met).count();
                ensure!(rounds <= rounds_max, "{left} relays not found through {}", r.place.tcp);
                met.extend(dht_round(r.place.tcp).await?);
                ensure!(met.is_subset(&self.addresses()), "a stranger through {}", r.place.tcp);
            }
            most = most.max(rounds);
        }
        Ok(most)
    }

    async fn stop(&self) -> Result<()> {
        for r in &self.ours {
            r.stop().await.map_err(|e| e.context(LogTail(r.tail())))?;
        }
        for r in &self.others {
            r.kill().await?;
        }
        Ok(())
    }
}

/// One look at the sixteen keys by a client that knows nothing yet.
async fn dht_round(seed: SocketAddr) -> Result<BTreeSet<SocketAddr>> {
    let (node, dial) = client().await?;
    let count =
        node.discover_relays_from_dht(&RelayAwareTransport::new(&dial), &[tcp(seed)]).await?;
    ensure!(count <= 16, "{count} values at 16 keys");
    known(&node).await
}

pub async fn start(
    c: &Context,
    binary: &Path,
    is_reference: bool,
    boot: Option<SocketAddr>,
) -> Result<Relay> {
    let (dir, place) = (c.directory()?, c.free_place());
    let announce = format!("tcp://{}", place.tcp);
    let boot = boot.map(|a| a.to_string());
    let mut args = vec!["--announce", &announce];
    if let Some(b) = &boot {
        args.extend(["--bootstrap", b]);
    }
    if !is_reference {
        args.extend(["--workers", "1", "--memory-max", "32MiB", "--bandwidth-class", "high"]);
    }
    Relay::start_as(c, (binary, is_reference), &dir, place, &args).await
}

/// Alone it lists itself as configured; in a network every client finds every relay through
/// any of ours; no client finds a stopped relay a minute later.
pub async fn discover(c: &Context) -> Result<String> {
    let alone = start(c, &c.binary, c.is_reference(), None).await?;
    let list = listed(alone.place.tcp).await?;
    ensure!(keys(&list) == BTreeSet::from([alone.pubkey]), "alone it lists {}", list.len());
    ensure!(list[0].relay_addrs == [tcp(alone.place.tcp)], "it says {:?}", list[0].relay_addrs);
    ensure!(list[0].capacity.bandwidth_class == relay::BandwidthClass::High, "another class");
    ensure!(list[0].expires_at - list[0].issued_at == 6 * 3600, "another life");
    let only_relay = Capabilities { relay: true, ..Capabilities::default() };
    ensure!(list[0].capabilities == only_relay, "{:?}", list[0].capabilities);
    alone.stop().await?;

    let n = Network::start(c, 5, true).await?;
    let settled = n.settle().await?;
    n.found_by_peers().await?;
    let rounds = n.found_by_dht(40).await?;
    let begun = Instant::now();
    let mut verified = verified_by(&n);
    while !verified.values().all(|v| *v) {
        ensure!(begun.elapsed() < SETTLED_IN, "not verified: {verified:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        verified = verified_by(&n);
    }
    let gone = n.ours.last().context("no relay")?;
    gone.stop().await?;
    tokio::time::sleep(LEFT_LISTS + Duration::from_secs(2)).await;
    for r in &n.ours[..n.ours.len() - 1] {
        for _ in 0..5 {
            let met = dht_round(r.place.tcp).await?;
            ensure!(
                !met.contains(&gone.place.tcp),
                "a stopped relay is found through {}",
                r.place.tcp
            );
        }
    }
    let rest = Network { ours: n.ours.into_iter().take(4).collect(), others: n.others };
    rest.stop().await?;
    Ok(format!(
        "{} relays, {} of the reference, settled in {:.1} s, {rounds} rounds at most",
        verified.len() + rest.others.len(),
        rest.others.len(),
        settled.as_secs_f64()
    ))
}

/// Which of ours have learned that others reach them.
fn verified_by(n: &Network) -> BTreeMap<SocketAddr, bool> {
    n.ours
        .iter()
        .map(|r| (r.place.tcp, r.log().contains("announced address is verified")))
        .collect()
}

/// More relays than there are keys.
pub async fn forty(c: &Context) -> Result<String> {
    let n = Network::start(c, 40, false).await?;
    let settled = n.settle().await?;
    n.found_by_peers().await?;
    let rounds = n.found_by_dht(60).await?;
    let rss = n.ours.iter().filter_map(|r| r.peak_rss().ok()).max().unwrap_or(0);
    n.stop().await?;
    ensure!(c.is_instrumented || rss < 32 << 20, "{} MiB", rss >> 20);
    Ok(format!(
        "settled in {:.1} s, {rounds} rounds at most, {} MiB each at most",
        settled.as_secs_f64(),
        rss >> 20
    ))
}
