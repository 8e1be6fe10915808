// SPDX-License-Identifier: MPL-2.0
//! A client connects, a node registers, a file goes through.
use super::Skipped;
use crate::client::*;
use crate::peers::{self, publisher};
use crate::relay::{Context, with};
use crate::stream::Transport;
use anyhow::{Context as _, Result, ensure};
use ed25519_dalek::SigningKey;
use scp2p_core::*;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

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

/// The crate's own server, over either transport.
enum Server {
    Tls(Box<(tokio::net::TcpListener, TlsServerHandle)>),
    Quic(QuicServerHandle),
}

impl Server {
    async fn start(transport: Transport) -> Result<(Self, SocketAddr)> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(match transport {
            Transport::Tls => {
                let listener = tokio::net::TcpListener::bind(any).await?;
                let addr = listener.local_addr()?;
                (Self::Tls(Box::new((listener, build_tls_server_handle()?))), addr)
            }
            Transport::Quic => {
                let server = start_quic_server(any)?;
                let addr = server.local_addr()?;
                (Self::Quic(server), addr)
            }
        })
    }

    async fn accept(&self, key: &SigningKey) -> Result<BoxedStream> {
        let caps = Capabilities::default();
        let mut nonces = NonceTracker::new();
        Ok(match self {
            Self::Tls(s) => {
                let (listener, server) = &**s;
                Box::new(
                    tls_accept_session(listener, server, key, caps, None, Some(&mut nonces))
                        .await?
                        .0,
                )
            }
            Self::Quic(server) => Box::new(
                quic_accept_bi_session(server, key, caps, None, Some(&mut nonces)).await?.0,
            ),
        })
    }
}

/// The relay's dialler against the crate's own server; `dial_probe TRANSPORT HOST PORT [KEY]` is
/// the program that drives it: it prints the key of whom it met and exits with 0, or fails.
pub async fn dial_out(c: &Context) -> Result<String> {
    let Some(probe) = &c.dial_probe else {
        return Err(Skipped("no --dial-probe PROGRAM given".into()).into());
    };
    let key = new_key();
    let pubkey = hex::encode(key.verifying_key().to_bytes());
    let other = hex::encode(new_key().verifying_key().to_bytes());
    let (server, addr) = Server::start(c.transport).await?;
    let (port, transport) = (addr.port().to_string(), c.transport.name());
    for (pin, accepted) in [(None, true), (Some(&pubkey), true), (Some(&other), false)] {
        let mut command = tokio::process::Command::new(probe);
        command.args([transport, "127.0.0.1", &port]).args(pin);
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().with_context(|| probe.display().to_string())?;
        let met = tokio::time::timeout(Duration::from_secs(10), server.accept(&key)).await;
        let met = met.context("no visit")?;
        ensure!(met.is_ok() == accepted, "the crate's server with pin {pin:?}: {:?}", met.err());
        let out = tokio::time::timeout(Duration::from_secs(10), child.wait_with_output());
        let out = out.await.context("the probe hangs")??;
        drop(met);
        ensure!(out.status.success() == accepted, "{} with pin {pin:?}", out.status);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        ensure!(!accepted || said.contains(&pubkey), "the probe said {said:?}");
    }
    Ok(String::new())
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
