// SPDX-License-Identifier: MPL-2.0
//! Relays of ours among reference relays of two versions: whom clients of each version find, and
//! that our relays join the networks of all of them.
use super::discover::start;
use crate::client::*;
use crate::crates::{Dialect, Listener};
use crate::relay::{Context, LogTail, Place, Relay};
use crate::stream::{At, Transport};
use anyhow::{Context as _, Result, ensure};
use scp2p_core::wire::*;
use scp2p_core::{PeerAddr, cbor, relay};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const SETTLED_IN: Duration = Duration::from_secs(90);
const JOINED_IN: Duration = Duration::from_secs(60);
const ROUNDS: usize = 40;
const OURS: usize = 2;
const REFERENCES: usize = 3; // of each version

struct Network {
    ours: Vec<Relay>,
    others: BTreeMap<Dialect, Vec<Relay>>,
}

impl Network {
    async fn start(c: &Context) -> Result<Self> {
        let mut n = Self { ours: vec![], others: BTreeMap::new() };
        for _ in 0..OURS {
            let boot = n.ours.first().map(|r| r.place.tcp);
            n.ours.push(start(c, &c.binary, c.is_reference(), boot).await?);
        }
        for d in [Dialect::A, Dialect::C] {
            let program = c.other(d)?;
            for i in 0..REFERENCES {
                let boot = n.ours[i % OURS].place.tcp;
                let other = start(c, program, true, Some(boot)).await?;
                n.others.entry(d).or_default().push(other);
            }
        }
        Ok(n)
    }

    /// The relays that clients of a dialect can use: all of ours, and the others of that dialect.
    fn usable(&self, d: Dialect) -> impl Iterator<Item = &Relay> {
        self.ours.iter().chain(self.others.get(&d).into_iter().flatten())
    }

    fn addresses(&self, d: Dialect) -> BTreeSet<SocketAddr> {
        self.usable(d).map(|r| r.place.tcp).collect()
    }

    /// Until every relay of ours lists all usable relays to clients of both versions; none ever
    /// lists another, or a form that does not verify.
    async fn settle(&self) -> Result<Duration> {
        let begun = Instant::now();
        for (r, d) in self.ours.iter().flat_map(|r| self.others.keys().map(move |d| (r, *d))) {
            let all: BTreeSet<_> = self.usable(d).map(|r| r.pubkey).collect();
            loop {
                let list = d.published().relay_list(r.at).await?;
                let invalid = list.iter().filter(|x| !x.is_valid).count();
                ensure!(invalid == 0, "{invalid} of {} invalid for {d:?}", list.len());
                let found: BTreeSet<_> = list.iter().map(|x| x.pubkey).collect();
                ensure!(found.is_subset(&all), "a relay of another version is listed to {d:?}");
                if found == all {
                    break;
                }
                let (listed, late) = (found.len(), begun.elapsed() > SETTLED_IN);
                ensure!(!late, "{} lists {listed} of {} to {d:?}", r.place.tcp, all.len());
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Ok(begun.elapsed())
    }

    async fn found_by_exchange(&self) -> Result<()> {
        for (r, d) in self.ours.iter().flat_map(|r| self.others.keys().map(move |d| (r, *d))) {
            let found = d.published().relays_by_exchange(r.at).await?;
            ensure!(found == self.addresses(d), "{d:?} finds {found:?}");
        }
        Ok(())
    }

    /// Through the rendezvous keys, with each of ours alone as a seed; the rounds it took at most.
    async fn found_by_dht(&self) -> Result<usize> {
        let mut most = 0;
        for (r, d) in self.ours.iter().flat_map(|r| self.others.keys().map(move |d| (r, *d))) {
            let (all, mut found, mut rounds) = (self.addresses(d), BTreeSet::new(), 0);
            while found != all {
                rounds += 1;
                let left = all.difference(&found).count();
                ensure!(rounds <= ROUNDS, "{left} not found by {d:?} through {}", r.place.tcp);
                found.extend(d.published().relays_by_dht(r.at).await?);
                ensure!(found.is_subset(&all), "{d:?} found a relay of another version");
            }
            most = most.max(rounds);
        }
        Ok(most)
    }

    /// Every address and announcement that ours give is of use to who asks; crate 0.4.0 has no
    /// relays here but ours.
    async fn contacts(&self) -> Result<BTreeMap<Dialect, usize>> {
        let mut counts = BTreeMap::new();
        for r in &self.ours {
            for d in Dialect::ALL {
                let given = contacts(r.at, d).await.with_context(|| format!("{d:?}"))?;
                let usable = self.addresses(d);
                ensure!(given.is_subset(&usable), "{d:?} is given {given:?}");
                ensure!(given.len() >= OURS - 1, "{d:?} is given no contact");
                counts.insert(d, given.len());
            }
        }
        Ok(counts)
    }

    async fn stop(&self) -> Result<()> {
        for r in &self.ours {
            r.stop().await.map_err(|e| e.context(LogTail(r.tail())))?;
        }
        for r in self.others.values().flatten() {
            r.kill().await?;
        }
        Ok(())
    }
}

fn tcp_of(peers: &[PeerAddr]) -> impl Iterator<Item = SocketAddr> {
    peers.iter().map(|p| SocketAddr::new(p.ip, p.port))
}

/// The nodes that one relay names to a client of a dialect, by PEX, FindNode and FindValue;
/// announcements that it gives must verify there.
async fn contacts(a: At, d: Dialect) -> Result<BTreeSet<SocketAddr>> {
    let (mut s, _) = d.published().session(a, &new_key(), None).await?;
    let mut given = BTreeSet::new();
    let pex = WirePayload::PexRequest(PexRequest { max_peers: 64 });
    let offered: PexOffer = cbor::from_slice(&ask_typed(&mut s, 1, &pex).await?.payload)?;
    given.extend(tcp_of(&offered.peers));
    for _ in 0..8 {
        let q = WirePayload::FindNode(FindNode { target_node_id: random() });
        let found: FindNodeResult = cbor::from_slice(&ask_typed(&mut s, 1, &q).await?.payload)?;
        given.extend(tcp_of(&found.peers));
    }
    let bucket = relay::current_rendezvous_bucket(now());
    for index in 0..relay::RELAY_RENDEZVOUS_N {
        let key = relay::relay_rendezvous_key(bucket, index);
        let q = WirePayload::FindValue(FindValue { key });
        for _ in 0..6 {
            let r = ask_typed(&mut s, 1, &q).await?;
            let found: FindValueResult = cbor::from_slice(&r.payload)?;
            given.extend(tcp_of(&found.closer_peers));
            if let Some(v) = found.value {
                d.published().check_announcement(&v.value)?;
            }
        }
    }
    Ok(given)
}

/// In a network of ours and of reference relays of two versions, clients of each version find
/// through any of ours all of ours and all of their own version, and are given nothing else.
pub async fn discover(c: &Context) -> Result<String> {
    let n = Network::start(c).await?;
    let settled = n.settle().await?;
    n.found_by_exchange().await?;
    let rounds = n.found_by_dht().await?;
    let counts = n.contacts().await?;
    n.stop().await?;
    Ok(format!("settled in {:.1} s, {rounds} rounds, {counts:?}", settled.as_secs_f64()))
}

/// A server of one version, to be our relay's bootstrap peer.
enum Host {
    Relay(Box<Relay>),
    Node(Listener),
}

/// Clients of the dialect are served at this address, one after another and each without delay,
/// until told to stop; how many.
async fn visits(a: At, d: Dialect, until: Instant) -> Result<u32> {
    let mut count = 0;
    while Instant::now() < until {
        let begun = Instant::now();
        let (mut s, _) = d.published().session(a, &new_key(), None).await?;
        let pex = WirePayload::PexRequest(PexRequest { max_peers: 1 });
        let r = ask_typed(&mut s, 1, &pex).await?;
        ensure!(error_text(&r).is_none(), "{:?}", error_text(&r));
        let took = begun.elapsed();
        ensure!(took < Duration::from_secs(2), "a client was served after {took:?}");
        count += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(count)
}

async fn join_one(c: &Context, d: Dialect) -> Result<()> {
    let place = c.free_place();
    let host = match c.others.get(&d) {
        Some(program) => {
            let dir = c.directory()?;
            let relay = Relay::start_as(c, (program, true), &dir, place, &[]).await?;
            Host::Relay(Box::new(relay))
        }
        None => Host::Node(d.published().listen(place).await?),
    };
    let pubkey = match &host {
        Host::Relay(r) => r.pubkey,
        Host::Node(n) => n.pubkey,
    };
    let at = place.at(c.transport);
    let visiting = tokio::spawn(visits(at, d, Instant::now() + Duration::from_secs(5)));
    let entry = match c.transport {
        Transport::Tls => format!("tcp://{}@{}", place.tcp, hex::encode(pubkey)),
        Transport::Quic => format!("quic://{}@{}", place.quic, hex::encode(pubkey)),
    };
    let ours = c.start(&["--bootstrap", &entry]).await?;
    let result = joined(&ours, place, d).await;
    let visited = visiting.await?;
    let stopped = ours.stop().await;
    if let Host::Relay(r) = host {
        r.kill().await?;
    }
    result.map_err(|e| e.context(LogTail(ours.tail())))?;
    ensure!(visited.context("clients of the peer meanwhile")? >= 5, "few visits");
    stopped
}

/// The bootstrap peer is reached and is a contact for clients of its dialect, and of no other.
async fn joined(ours: &Relay, place: Place, d: Dialect) -> Result<()> {
    let begun = Instant::now();
    while !ours.log().contains("bootstrap peer reached") {
        ensure!(begun.elapsed() < JOINED_IN, "the bootstrap peer was not reached");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for asker in Dialect::ALL {
        let given = contacts(ours.at, asker).await?;
        let is_given = given.contains(&place.tcp) || given.contains(&place.quic);
        ensure!(is_given == (asker == d), "given to {asker:?}: {is_given}");
    }
    Ok(())
}

/// Our relay reaches bootstrap peers of every version, trying dialects as it must, and holds up no
/// other client of theirs.
pub async fn join(c: &Context) -> Result<String> {
    for d in Dialect::ALL {
        join_one(c, d).await.with_context(|| format!("a peer of {}", d.version()))?;
    }
    Ok(String::new())
}
