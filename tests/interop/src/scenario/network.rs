// SPDX-License-Identifier: MPL-2.0
//! Two relays that join: what is stored at one is found through the other, however the second was
//! told of the first, and whichever of them was there first.
use crate::client::*;
use crate::peers::{self, Publisher};
use crate::relay::{Context, Relay};
use anyhow::{Context as _, Result, bail, ensure};
use scp2p_core::*;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const JOINED_IN: Duration = Duration::from_secs(20);

async fn until_log(r: &Relay, words: &str) -> Result<()> {
    let begun = Instant::now();
    while !r.log().contains(words) {
        ensure!(begun.elapsed() < JOINED_IN, "no \"{words}\" in the log:\n{}", r.tail());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn put(p: &Publisher, at: SocketAddr) -> Result<()> {
    let dial = Dial { key: p.node.ensure_node_identity().await?, detour: None };
    let transport = RelayAwareTransport::new(&dial);
    let stored = p.node.dht_republish_once(&transport, &[tcp(at)]).await?;
    ensure!(stored >= 3, "{stored} values stored");
    Ok(())
}

/// Each relay keeps what is stored at it; a stranger finds it through the other one alone.
async fn each_finds_the_others(c: &Context, relays: [&Relay; 2]) -> Result<()> {
    for (at, through) in [(relays[0], relays[1]), (relays[1], relays[0])] {
        let dir = c.directory()?;
        let p = peers::publisher(at.addr, &dir, 50_000).await?;
        put(&p, at.addr).await?;
        let begun = Instant::now();
        while let Err(e) = peers::download(&p, &[tcp(through.addr)], &dir.join("out.bin")).await {
            if begun.elapsed() > JOINED_IN {
                bail!("put at {}, not found through {}: {e:#}", at.addr, through.addr);
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

async fn join(c: &Context, first: SocketAddr, second: SocketAddr, entry: &str) -> Result<String> {
    let a = Relay::start(c, &c.directory()?, first, &[]).await?;
    let b = Relay::start(c, &c.directory()?, second, &["--bootstrap", entry]).await?;
    until_log(&b, "bootstrap peer reached").await?;
    each_finds_the_others(c, [&a, &b]).await?;
    stop([a, b]).await?;
    Ok(String::new())
}

pub async fn by_address(c: &Context) -> Result<String> {
    let first = c.free_address();
    join(c, first, c.free_address(), &format!("tcp://{first}")).await
}

/// A port of this host that is free on that address just now.
fn port_of(ip: &str) -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind(format!("{ip}:0"))?.local_addr()?)
}

pub async fn by_name(c: &Context) -> Result<String> {
    let first = port_of("127.0.0.1")?;
    join(c, first, c.free_address(), &format!("localhost:{}", first.port())).await
}

pub async fn by_ipv6(c: &Context) -> Result<String> {
    let (first, second) = (port_of("[::1]")?, port_of("[::1]")?);
    join(c, first, second, &first.to_string()).await
}

/// The second is there first, and joins when the first one comes up.
pub async fn late(c: &Context) -> Result<String> {
    let first = c.free_address();
    let entry = first.to_string();
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
    let right = format!("{}@{}", a.addr, hex::encode(a.pubkey));
    let wrong = format!("{}@{}", a.addr, hex::encode(new_key().verifying_key().to_bytes()));
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
