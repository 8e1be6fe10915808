// SPDX-License-Identifier: MPL-2.0
//! What the DHT knows lies in the state database: after kill -9, and for the reference to read.
use crate::client::*;
use crate::relay::{Context, Relay};
use crate::stream::At;
use anyhow::{Context as _, Result, ensure};
use scp2p_core::store::Store as _;
use scp2p_core::wire::{self, FindValue, FindValueResult, WirePayload};
use scp2p_core::*;
use std::path::Path;
use std::time::{Duration, Instant};

/// Values come to disk this much later at most.
const SETTLED: Duration = Duration::from_millis(1000);

fn head() -> Result<wire::Store> {
    let share = ShareKeypair::new(new_key());
    let head = ShareHead::new_signed(share.share_id().0, 1, random(), now(), &share)?;
    let key = share_head_key(&share.share_id());
    Ok(wire::Store { key, value: cbor::to_vec(&head)?, ttl_secs: 86_400 })
}

async fn find(a: At, key: [u8; 32]) -> Result<Option<Vec<u8>>> {
    let mut s = dial(a, &new_key(), None).await?;
    let r = ask_typed(&mut s, 1, &WirePayload::FindValue(FindValue { key })).await?;
    ensure!(error_text(&r).is_none(), "{:?}", error_text(&r));
    Ok(cbor::from_slice::<FindValueResult>(&r.payload)?.value.map(|v| v.value))
}

async fn find_all(a: At, values: &[wire::Store]) -> Result<()> {
    for (i, v) in values.iter().enumerate() {
        let found = find(a, v.key).await?.with_context(|| format!("value {i} is gone"))?;
        ensure!(found == v.value, "value {i} is another");
    }
    Ok(())
}

async fn store(a: At, v: &wire::Store) -> Result<()> {
    let mut s = dial(a, &new_key(), None).await?;
    let r = ask_typed(&mut s, 1, &WirePayload::Store(v.clone())).await?;
    ensure!(error_text(&r).is_none(), "{:?}", error_text(&r));
    Ok(())
}

/// A value stored a second before kill -9 is served after it, and after a stop.
pub async fn values(c: &Context) -> Result<String> {
    let (dir, place) = (c.directory()?, c.free_place());
    let mut values = Vec::new();
    for round in 0..3 {
        let relay = Relay::start(c, &dir, place, &[]).await?;
        find_all(relay.at, &values).await.with_context(|| format!("start {round}"))?;
        for _ in 0..20 {
            values.push(head()?);
            store(relay.at, &values[values.len() - 1]).await?;
        }
        tokio::time::sleep(SETTLED).await;
        relay.kill().await?;
    }
    let relay = Relay::start(c, &dir, place, &[]).await?;
    values.push(head()?);
    store(relay.at, &values[values.len() - 1]).await?;
    relay.stop().await?; // writes what still waits
    let relay = Relay::start(c, &dir, place, &[]).await?;
    find_all(relay.at, &values).await?;
    relay.stop().await?;
    Ok(format!("{} values", values.len()))
}

async fn until(relay: &Relay, words: &str) -> Result<()> {
    let begun = Instant::now();
    while !relay.log().contains(words) {
        ensure!(begun.elapsed() < Duration::from_secs(30), "it does not say \"{words}\"");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn state_as_reference(dir: &Path) -> Result<PersistedState> {
    SqliteStore::open(dir.join("data").join("relay.db"))?.load_state().await
}

/// A bootstrap peer's key and address outlive kill -9, in the reference's shape; another identity
/// at that address is refused afterwards.
pub async fn pins_and_peers(c: &Context) -> Result<String> {
    let (dir, place, first_at) = (c.directory()?, c.free_place(), c.free_place());
    let bootstrap = format!("tcp://{}", first_at.tcp);
    let args = ["--bootstrap", bootstrap.as_str()];
    let first = Relay::start(c, &c.directory()?, first_at, &[]).await?;
    let relay = Relay::start(c, &dir, place, &args).await?;
    until(&relay, "its key is pinned").await?;
    tokio::time::sleep(SETTLED).await;
    relay.kill().await?;
    let state = state_as_reference(&dir).await?;
    ensure!(state.node_key.is_some(), "the reference finds no identity");
    ensure!(
        state.pinned_bootstrap_keys.get(&bootstrap) == Some(&first.pubkey),
        "the reference finds the pins {:?}",
        state.pinned_bootstrap_keys
    );
    let peer = state.peers.iter().find(|p| p.addr.port == first_at.tcp.port());
    let peer = peer.context("the reference does not find the peer")?;
    ensure!(
        peer.addr.pubkey_hint == Some(first.pubkey),
        "with the key {:?}",
        peer.addr.pubkey_hint
    );
    ensure!(peer.last_seen_unix.abs_diff(now()) < 60, "last seen at {}", peer.last_seen_unix);
    first.stop().await?;

    let other = Relay::start(c, &c.directory()?, first_at, &[]).await?;
    let relay = Relay::start(c, &dir, place, &args).await?;
    until(&relay, "shows another key").await?;
    relay.stop().await?;
    other.stop().await?;
    ensure!(
        state_as_reference(&dir).await?.pinned_bootstrap_keys.get(&bootstrap)
            == Some(&first.pubkey),
        "the pin was changed"
    );
    Ok(String::new())
}
