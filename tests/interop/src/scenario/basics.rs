// SPDX-License-Identifier: MPL-2.0
//! A client connects, a node registers, a file goes through.
use crate::client::*;
use crate::peers::{self, publisher};
use crate::relay::{Context, with};
use anyhow::{Context as _, Result, ensure};
use scp2p_core::*;

pub async fn handshake(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let claims = [
            Capabilities::default(),
            Capabilities { dht: true, store: true, relay: true, ..Capabilities::default() },
        ];
        for caps in claims {
            let (_s, session) = session(relay.at, &new_key(), caps, None).await?;
            ensure!(session.remote_node_pubkey == relay.pubkey, "another key than it says");
            let told = session.remote_capabilities;
            let right = Capabilities { dht: true, relay: true, ..Capabilities::default() };
            ensure!(told == right, "capabilities {told:?}");
            ensure!(session.remote_protocol_version == 1);
        }
        Ok(String::new())
    })
    .await
}

pub async fn pin_right(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let mut s = dial(relay.at, &new_key(), Some(relay.pubkey)).await?;
        peers::register(&mut s, None, true).await?;
        Ok(String::new())
    })
    .await
}

pub async fn pin_wrong(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let other = new_key().verifying_key().to_bytes();
        let e = dial(relay.at, &new_key(), Some(other)).await.err().context("was accepted")?;
        ensure!(e.to_string().contains("mismatch"), "{e}");
        dial(relay.at, &new_key(), Some(relay.pubkey)).await?;
        Ok(String::new())
    })
    .await
}

pub async fn register_tunnel(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let node = Node::start(NodeConfig::default()).await?;
        let dial = Dial { key: node.ensure_node_identity().await?, detour: None };
        let slot = node.register_relay_tunnel(&dial, &relay.at.peer()).await?;
        ensure!(slot.slot_id != 0, "slot 0");
        ensure!(slot.expires_at > now(), "already expired");
        let inner = wire::Envelope { r#type: 101, req_id: 1, flags: 0, payload: vec![0xff] };
        let mut s = crate::client::dial(relay.at, &new_key(), None).await?;
        let r = through(&mut s, slot.slot_id, 9, &inner.encode()?).await?.answer()?;
        ensure!(r.req_id == 1 && error_text(&r).is_some(), "the node did not answer");
        ensure!(node.active_relay_slot().await.is_some(), "the node lost its tunnel");
        Ok(String::new())
    })
    .await
}

/// Manifest, chunk hashes and a 20 MB file, all through `relay_via`, the relay's DHT unused.
pub async fn fetch(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let dir = c.directory()?;
        let p = publisher(relay.at, &dir, 20_000_003).await?;
        let dial = Dial { key: new_key(), detour: None };
        let transport = RelayAwareTransport::new(&dial);
        let policy = FetchPolicy::default();
        let seeds = [p.via.clone()];
        let m = fetch_manifest_with_retry(&transport, &seeds, p.manifest_id, &policy).await?;
        m.verify()?;
        ensure!(m.items.len() == 1 && m.items[0].chunk_count == 77, "another manifest");
        let hashes = net_fetch::fetch_chunk_hashes_with_retry(
            &transport,
            &seeds,
            m.items[0].content_id,
            77,
            m.items[0].chunk_list_hash,
            &policy,
        )
        .await?;
        ensure!(hashes == chunk_hashes(&p.data), "other chunk hashes");
        let took = peers::download(&p, &seeds, &dir.join("out.bin")).await?;
        Ok(format!("20 MB in {:.2} s", took.as_secs_f64()))
    })
    .await
}

/// The same, found by what the publisher stored in the relay's DHT.
pub async fn fetch_by_dht(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let dir = c.directory()?;
        let p = publisher(relay.at, &dir, 1_000_000).await?;
        let dial = Dial { key: p.node.ensure_node_identity().await?, detour: None };
        let seeds = [relay.at.peer()];
        let stored = p.node.dht_republish_once(&RelayAwareTransport::new(&dial), &seeds).await?;
        ensure!(stored >= 3, "{stored} values stored");
        peers::download(&p, &seeds, &dir.join("out.bin")).await?;
        Ok(String::new())
    })
    .await
}
