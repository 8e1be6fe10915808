// SPDX-License-Identifier: MPL-2.0
//! Two relays that join: what is stored at one is found through the other, however the second was
//! told of the first, and whichever of them was there first.
use crate::client::*;
use crate::peers::{self, Publisher};
use crate::relay::{Context, Place, Relay};
use crate::stream::{At, Transport};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use scp2p_core::*;
use std::time::{Duration, Instant};

const JOINED_IN: Duration = Duration::from_secs(60);
const TRY: Duration = Duration::from_secs(8);

async fn until_log(r: &Relay, words: &str) -> Result<()> {
    let begun = Instant::now();
    while !r.log().contains(words) {
        ensure!(begun.elapsed() < JOINED_IN, "no \"{words}\" in the log:\n{}", r.tail());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn put(p: &Publisher, at: At) -> Result<()> {
    let dial = Dial { key: p.node.ensure_node_identity().await?, detour: None };
    let transport = RelayAwareTransport::new(&dial);
    let stored = p.node.dht_republish_once(&transport, &[at.peer()]).await?;
    ensure!(stored >= 3, "{stored} values stored");
    Ok(())
}

/// Each relay keeps what is stored at it; a stranger finds it through the other one alone.
async fn each_finds_the_others(c: &Context, relays: [&Relay; 2]) -> Result<()> {
    for (at, through) in [(relays[0], relays[1]), (relays[1], relays[0])] {
        let dir = c.directory()?;
        let p = peers::publisher(at.at, &dir, 50_000).await?;
        put(&p, at.at).await?;
        let begun = Instant::now();
        // The crate retries for minutes while the content is missing.
        let (seeds, out) = ([through.at.peer()], dir.join("out.bin"));
        while let Err(e) = tokio::time::timeout(TRY, peers::download(&p, &seeds, &out))
            .await
            .unwrap_or_else(|_| Err(anyhow!("no end after {TRY:?}")))
        {
            if begun.elapsed() > JOINED_IN {
                bail!("put at {}, not found through {}: {e:#}", at.place.tcp, through.place.tcp);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    Ok(())
}

async fn stop(relays: [Relay; 2]) -> Result<()> {
    for r in &relays {
        r.stop().await?;
    }
    Ok(())
}

/// The bootstrap address: over the scenario's transport, at this place, by this name of its host.
fn entry(c: &Context, place: &Place, host: &str) -> String {
    match c.transport {
        Transport::Tls => format!("tcp://{host}:{}", place.tcp.port()),
        Transport::Quic => format!("quic://{host}:{}", place.quic.port()),
    }
}

async fn join(c: &Context, first: Place, second: Place, entry: &str) -> Result<String> {
    let a = Relay::start(c, &c.directory()?, first, &[]).await?;
    let b = Relay::start(c, &c.directory()?, second, &["--bootstrap", entry]).await?;
    until_log(&b, "bootstrap peer reached").await?;
    each_finds_the_others(c, [&a, &b]).await?;
    stop([a, b]).await?;
    Ok(String::new())
}

pub async fn by_address(c: &Context) -> Result<String> {
    let first = c.free_place();
    join(c, first, c.free_place(), &entry(c, &first, &first.tcp.ip().to_string())).await
}

/// Ports of this host that are free on that address just now.
fn place_on(ip: &str) -> Result<Place> {
    let tcp = std::net::TcpListener::bind(format!("{ip}:0"))?.local_addr()?;
    let quic = std::net::UdpSocket::bind(format!("{ip}:0"))?.local_addr()?;
    Ok(Place { tcp, quic })
}

pub async fn by_name(c: &Context) -> Result<String> {
    let first = place_on("127.0.0.1")?;
    join(c, first, c.free_place(), &entry(c, &first, "localhost")).await
}

pub async fn by_ipv6(c: &Context) -> Result<String> {
    let (first, second) = (place_on("[::1]")?, place_on("[::1]")?);
    join(c, first, second, &entry(c, &first, "[::1]")).await
}

/// The second is there first, and joins when the first one comes up.
pub async fn late(c: &Context) -> Result<String> {
    let first = c.free_place();
    let entry = entry(c, &first, &first.tcp.ip().to_string());
    let b = c.start(&["--bootstrap", &entry]).await?;
    until_log(&b, "bootstrap peer cannot be reached").await?;
    let a = Relay::start(c, &c.directory()?, first, &[]).await?;
    until_log(&b, "bootstrap peer reached").await?;
    each_finds_the_others(c, [&a, &b]).await?;
    stop([a, b]).await?;
    Ok(String::new())
}

/// Behind @ stands whose key it must be: the right one joins, another is refused and reported.
pub async fn by_key(c: &Context) -> Result<String> {
    let a = c.start(&[]).await?;
    let addr = entry(c, &a.place, &a.place.tcp.ip().to_string());
    let right = format!("{addr}@{}", hex::encode(a.pubkey));
    let wrong = format!("{addr}@{}", hex::encode(new_key().verifying_key().to_bytes()));
    let b = c.start(&["--bootstrap", &right]).await?;
    until_log(&b, "bootstrap peer reached").await?;
    b.stop().await?;
    let b = c.start(&["--bootstrap", &wrong]).await?;
    until_log(&b, "shows another key").await?;
    ensure!(!b.log().contains("bootstrap peer reached"), "the wrong key was taken");
    let said = b.log().lines().find(|l| l.contains("shows another key")).map(str::to_owned);
    stop([a, b]).await?;
    said.context("said so")
}

/// Mistakes of an operator: our own address, a name that is none, an address in a network
/// narrower than ours. Each is logged, and nothing else fails.
pub async fn told_wrong(c: &Context) -> Result<String> {
    let place = c.free_place();
    let own = entry(c, &place, &place.tcp.ip().to_string());
    let b = Relay::start(
        c,
        &c.directory()?,
        place,
        &["--bootstrap", &own, "--bootstrap", "no-such-host.invalid:7001"],
    )
    .await?;
    until_log(&b, "bootstrap peer is this relay itself").await?;
    until_log(&b, "name cannot be resolved").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let log = b.log();
    ensure!(log.matches("this relay itself").count() == 1, "said more than once:\n{}", b.tail());
    ensure!(!log.contains("is pinned"), "our own key was pinned:\n{}", b.tail());
    let wide = c.start(&["--bootstrap", &own, "--announce", "tcp://192.0.2.1:7001"]).await?;
    until_log(&wide, "is of narrower scope").await?;
    stop([b, wide]).await?;
    Ok(String::new())
}
