// SPDX-License-Identifier: MPL-2.0
// The adapter of one crate, `published`; included once for each.
use super::*;
use crate::client::{PATIENCE, now};
use crate::relay::wait_for_listener;
use anyhow::{Context as _, ensure};
use published::*;
use std::sync::Arc;
use std::time::Instant;

pub struct Adapter;

#[derive(Clone)]
pub struct Dial {
    pub key: SigningKey,
}

#[async_trait]
impl PeerConnector for Dial {
    async fn connect(&self, peer: &PeerAddr) -> Result<published::BoxedStream> {
        let addr = SocketAddr::new(peer.ip, peer.port);
        let is_quic = peer.transport == TransportProtocol::Quic;
        let at = if is_quic { At::quic(addr) } else { At::tls(addr) };
        Ok(dial(at, &self.key, peer.pubkey_hint).await?.0)
    }
}

async fn dial(
    a: At,
    key: &SigningKey,
    pin: Option<[u8; 32]>,
) -> Result<(published::BoxedStream, AuthenticatedSession)> {
    let caps = Capabilities::default();
    let dialled = async {
        Ok::<(published::BoxedStream, _), anyhow::Error>(match a.transport {
            Transport::Tls => {
                let (s, session) = tls_connect_session_insecure(a.addr, key, caps, pin).await?;
                (Box::new(s), session)
            }
            Transport::Quic => {
                let s = quic_connect_bi_session_insecure(a.addr, key, caps, pin).await?;
                (Box::new(s.stream), s.session)
            }
        })
    };
    tokio::time::timeout(PATIENCE, dialled).await.context("dialling hung")?
}

fn peer(a: At) -> PeerAddr {
    let transport = match a.transport {
        Transport::Tls => TransportProtocol::Tcp,
        Transport::Quic => TransportProtocol::Quic,
    };
    let (ip, port) = (a.addr.ip(), a.addr.port());
    PeerAddr { ip, port, transport, pubkey_hint: None, relay_via: None }
}

/// A node without a store, and its connector.
async fn fresh() -> Result<(NodeHandle, Dial)> {
    let node = Node::start(NodeConfig::default()).await?;
    let key = node.ensure_node_identity().await?;
    Ok((node, Dial { key }))
}

/// The addresses of all relays a node knows.
async fn known(node: &NodeHandle) -> Result<BTreeSet<SocketAddr>> {
    let peers = node.select_relay_peers(10_000).await?;
    Ok(peers.iter().map(|p| SocketAddr::new(p.ip, p.port)).collect())
}

enum Accepting {
    Tls(tokio::net::TcpListener, Box<TlsServerHandle>),
    Quic(QuicServerHandle),
}

#[async_trait]
impl Server for Accepting {
    async fn accept(&self, key: &SigningKey) -> Result<scp2p_core::BoxedStream> {
        let caps = Capabilities::default();
        let mut nonces = NonceTracker::new();
        Ok(match self {
            Self::Tls(listener, server) => {
                let nonces = Some(&mut nonces);
                Box::new(tls_accept_session(listener, server, key, caps, None, nonces).await?.0)
            }
            Self::Quic(server) => {
                let nonces = Some(&mut nonces);
                Box::new(quic_accept_bi_session(server, key, caps, None, nonces).await?.0)
            }
        })
    }
}

#[async_trait]
impl Crate for Adapter {
    async fn session(
        &self,
        a: At,
        key: &SigningKey,
        pin: Option<[u8; 32]>,
    ) -> Result<(scp2p_core::BoxedStream, Remote)> {
        let (stream, s) = dial(a, key, pin).await?;
        let remote = Remote {
            pubkey: s.remote_node_pubkey,
            nonce: s.remote_nonce,
            protocol: s.remote_protocol_version,
        };
        Ok((Box::new(stream), remote))
    }

    async fn server(&self, transport: Transport) -> Result<(Box<dyn Server>, SocketAddr)> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(match transport {
            Transport::Tls => {
                let listener = tokio::net::TcpListener::bind(any).await?;
                let addr = listener.local_addr()?;
                (Box::new(Accepting::Tls(listener, Box::new(build_tls_server_handle()?))), addr)
            }
            Transport::Quic => {
                let server = start_quic_server(any)?;
                let addr = server.local_addr()?;
                (Box::new(Accepting::Quic(server)), addr)
            }
        })
    }

    async fn listen(&self, place: Place) -> Result<Listener> {
        let (node, dial) = fresh().await?;
        let caps = Capabilities { dht: true, relay: true, ..Capabilities::default() };
        let tls = Arc::new(build_tls_server_handle()?);
        let quic = start_quic_server(place.quic)?;
        let over_tls =
            node.clone().start_tls_dht_service(place.tcp, dial.key.clone(), caps.clone(), tls);
        let over_quic = node.start_quic_dht_service(quic, dial.key.clone(), caps);
        wait_for_listener(place.tcp).await?;
        let pubkey = dial.key.verifying_key().to_bytes();
        Ok(Listener { pubkey, tasks: vec![over_tls, over_quic] })
    }

    async fn publish(&self, relay: At, dir: &Path, bytes: usize) -> Result<Publication> {
        let data: Vec<u8> =
            (0..bytes).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let file = dir.join("file.bin");
        std::fs::write(&file, &data)?;
        let store = SqliteStore::open(dir.join("publisher.db"))?;
        let node = Node::start_with_store(NodeConfig::default(), store).await?;
        let dial = Dial { key: node.ensure_node_identity().await? };
        let relays = [peer(relay)];
        node.register_relay_tunnel(&dial, &relays[0]).await.context("register tunnel")?;
        // Port 1 has no listener: the tunnel is the only way in.
        let via = node.relayed_self_addr(peer(At::tls(([127, 0, 0, 1], 1).into()))).await;
        let identity = node.ensure_publisher_identity("interop").await?;
        let public = ShareVisibility::Public;
        node.publish_files(&[file], None, "file", None, public, &[], via, &identity).await?;
        let stored = node.dht_republish_once(&RelayAwareTransport::new(&dial), &relays).await?;
        ensure!(stored >= 3, "{stored} values stored");
        Ok(Publication {
            share: identity.share_id().0,
            pubkey: identity.verifying_key().to_bytes(),
            data,
            _node: Box::new(node),
        })
    }

    async fn download(&self, p: &Publication, relay: At, out: &Path) -> Result<Duration> {
        let (node, dial) = fresh().await?;
        let seeds = [peer(relay)];
        node.subscribe_with_pubkey(ShareId(p.share), Some(p.pubkey)).await?;
        let transport = RelayAwareTransport::new(&dial);
        node.sync_subscriptions_over_dht(&transport, &seeds).await.context("sync")?;
        let items = node.list_share_items(p.share).await.context("items")?;
        ensure!(items.len() == 1, "{} items", items.len());
        let begun = Instant::now();
        let (content, policy, target) =
            (items[0].content_id, FetchPolicy::default(), out.to_string_lossy());
        node.download_from_peers(&dial, &seeds, content, &target, &policy, None, None)
            .await
            .context("download")?;
        let took = begun.elapsed();
        ensure!(std::fs::read(out)? == p.data, "other bytes than published");
        std::fs::remove_file(out)?;
        Ok(took)
    }

    async fn relay_list(&self, a: At) -> Result<Vec<Listed>> {
        let (node, dial) = fresh().await?;
        let list = node
            .fetch_relay_list_from_peer(&RelayAwareTransport::new(&dial), &peer(a), 64)
            .await
            .with_context(|| format!("relay list of {}", a.addr))?;
        Ok(list
            .iter()
            .map(|x| Listed {
                pubkey: x.relay_pubkey,
                is_valid: x.validate_structure().is_ok()
                    && x.verify_signature().is_ok()
                    && x.is_fresh(now()),
            })
            .collect())
    }

    async fn relays_by_exchange(&self, a: At) -> Result<BTreeSet<SocketAddr>> {
        let (node, dial) = fresh().await?;
        node.discover_relays_via_peers(&RelayAwareTransport::new(&dial), &[peer(a)], 64).await?;
        known(&node).await
    }

    async fn relays_by_dht(&self, a: At) -> Result<BTreeSet<SocketAddr>> {
        let (node, dial) = fresh().await?;
        node.discover_relays_from_dht(&RelayAwareTransport::new(&dial), &[peer(a)]).await?;
        known(&node).await
    }

    fn announcement(&self, key: &SigningKey, tcp: SocketAddr, issued: u64) -> Result<Vec<u8>> {
        let caps = Capabilities { relay: true, ..Capabilities::default() };
        let capacity = RelayCapacity::default();
        let addrs = vec![peer(At::tls(tcp))];
        let said = RelayAnnouncement::new_signed(key, addrs, caps, capacity, issued, 6 * 3600)?;
        Ok(cbor::to_vec(&said)?)
    }

    fn check_announcement(&self, value: &[u8]) -> Result<()> {
        let said: RelayAnnouncement = cbor::from_slice(value)?;
        said.validate_structure()?;
        said.verify_signature()
    }

    async fn database(&self, data: &Path, add: Option<SocketAddr>) -> Result<Database> {
        std::fs::create_dir_all(data)?;
        let store = SqliteStore::open(data.join("relay.db"))?;
        let node = Node::start_with_store(NodeConfig::default(), store).await?;
        let key = node.ensure_node_identity().await?;
        if let Some(addr) = add {
            node.record_peer_seen(peer(At::tls(addr))).await?;
        }
        let peers = node.peer_records().await;
        Ok(Database {
            pubkey: key.verifying_key().to_bytes(),
            peers: peers.iter().map(|p| SocketAddr::new(p.addr.ip, p.addr.port)).collect(),
        })
    }
}
