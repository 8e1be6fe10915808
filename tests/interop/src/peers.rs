// SPDX-License-Identifier: MPL-2.0
//! Firewalled nodes: hand-made ones that answer as told, and the crate's own.
use crate::client::*;
use crate::stream::At;
use anyhow::{Context as _, Result, bail};
use ed25519_dalek::SigningKey;
use scp2p_core::wire::*;
use scp2p_core::*;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A node that registered a tunnel. Dropped, its connection closes.
pub struct Owner {
    pub slot: u64,
    task: JoinHandle<()>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Owner {
    pub fn is_connected(&self) -> bool {
        !self.task.is_finished()
    }
    /// Waits until the relay has closed the tunnel.
    pub async fn closed(&mut self, within: Duration) -> Result<()> {
        let _ = tokio::time::timeout(within, &mut self.task).await.context("tunnel still open")?;
        Ok(())
    }
}

pub fn registration(slot: Option<u64>, tunnel: bool) -> WirePayload {
    WirePayload::RelayRegister(RelayRegister { relay_slot_id: slot, tunnel })
}

pub async fn register(s: &mut BoxedStream, slot: Option<u64>, tunnel: bool) -> Result<u64> {
    let r = ask_typed(s, 1, &registration(slot, tunnel)).await?;
    if let Some(text) = error_text(&r) {
        bail!("registration refused: {text}");
    }
    match r.decode_typed()? {
        WirePayload::RelayRegistered(x) => Ok(x.relay_slot_id),
        _ => bail!("no RelayRegistered"),
    }
}

/// Registers, and answers each request with the frame that `answer` gives; none: not at all.
pub async fn owner<F, A>(a: At, key: &SigningKey, answer: F) -> Result<Owner>
where
    F: Fn(Envelope) -> A + Send + 'static,
    A: Future<Output = Option<Vec<u8>>> + Send,
{
    serve(dial(a, key, None).await?, answer).await
}

/// The same over a session there is.
pub async fn serve<F, A>(mut s: BoxedStream, answer: F) -> Result<Owner>
where
    F: Fn(Envelope) -> A + Send + 'static,
    A: Future<Output = Option<Vec<u8>>> + Send,
{
    let slot = register(&mut s, None, true).await.context("register")?;
    let task = tokio::spawn(async move {
        while let Ok(q) = read_envelope(&mut s).await {
            let Some(frame) = answer(q).await else { continue };
            if write_frame(&mut s, &frame).await.is_err() {
                break;
            }
        }
    });
    Ok(Owner { slot, task })
}

pub fn reply(q: &Envelope, payload: Vec<u8>) -> Vec<u8> {
    let e = Envelope { r#type: q.r#type, req_id: q.req_id, flags: FLAG_RESPONSE, payload };
    e.encode().expect("an envelope encodes")
}

pub async fn echo(q: Envelope) -> Option<Vec<u8>> {
    let payload = q.payload.clone();
    Some(reply(&q, payload))
}

/// Takes requests and answers none.
pub async fn mute(_: Envelope) -> Option<Vec<u8>> {
    None
}

pub async fn echo_owner(a: At) -> Result<Owner> {
    owner(a, &new_key(), echo).await
}

/// A whole node of the crate's, reachable through its tunnel alone, that shares one file.
pub struct Publisher {
    pub node: NodeHandle,
    pub via: PeerAddr,
    pub slot: u64,
    pub manifest_id: [u8; 32],
    pub identity: ShareKeypair,
    pub data: Vec<u8>,
}

pub async fn publisher(relay: At, dir: &Path, bytes: usize) -> Result<Publisher> {
    let data: Vec<u8> = (0..bytes).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let file = dir.join("file.bin");
    std::fs::write(&file, &data)?;
    let store = SqliteStore::open(dir.join("publisher.db"))?;
    let node = Node::start_with_store(NodeConfig::default(), store).await?;
    let dial = Dial { key: node.ensure_node_identity().await?, detour: None };
    let slot = node.register_relay_tunnel(&dial, &relay.peer()).await.context("register tunnel")?;
    // Port 1 has no listener: the tunnel is the only way in.
    let via = node.relayed_self_addr(tcp(([127, 0, 0, 1], 1).into())).await;
    let identity = node.ensure_publisher_identity("interop").await?;
    let public = ShareVisibility::Public;
    let manifest_id = node
        .publish_files(&[file], None, "file", None, public, &[], via.clone(), &identity)
        .await?;
    Ok(Publisher { node, via, slot: slot.slot_id, manifest_id, identity, data })
}

/// A second node subscribes, syncs from `seeds` and downloads the file; fails on any other byte.
pub async fn download(p: &Publisher, seeds: &[PeerAddr], out: &Path) -> Result<Duration> {
    download_from(p, seeds, out, None).await
}

/// The same, with `detour` in the place of every address.
pub async fn download_from(
    p: &Publisher,
    seeds: &[PeerAddr],
    out: &Path,
    detour: Option<At>,
) -> Result<Duration> {
    let node = Node::start(NodeConfig::default()).await?;
    let dial = Dial { key: node.ensure_node_identity().await?, detour };
    let share = p.identity.share_id();
    let pubkey = p.identity.verifying_key().to_bytes();
    node.subscribe_with_pubkey(share, Some(pubkey)).await?;
    let transport = RelayAwareTransport::new(&dial);
    node.sync_subscriptions_over_dht(&transport, seeds).await.context("sync")?;
    let items = node.list_share_items(share.0).await.context("items")?;
    anyhow::ensure!(items.len() == 1, "{} items", items.len());
    let begun = Instant::now();
    let policy = FetchPolicy::default();
    let target = out.to_string_lossy();
    node.download_from_peers(&dial, seeds, items[0].content_id, &target, &policy, None, None)
        .await
        .context("download")?;
    let took = begun.elapsed();
    anyhow::ensure!(std::fs::read(out)? == p.data, "other bytes than published");
    std::fs::remove_file(out)?;
    Ok(took)
}
