// SPDX-License-Identifier: MPL-2.0
//! The published crates, each behind the same trait: a scenario over several dialects names the
//! dialects and not the crates. Wire messages that all crates encode alike are the 0.3.2 crate's.
use crate::relay::Place;
use crate::stream::{At, Transport};
use anyhow::Result;
use async_trait::async_trait;
use ed25519_dalek::SigningKey;
use scp2p_core::BoxedStream;
use std::any::Any;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A protocol version and a set of signed capability fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dialect {
    A,
    B,
    C,
}

impl Dialect {
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    /// The version of the crate that stands for it here.
    pub fn version(self) -> &'static str {
        ["0.3.2", "0.4.0", "0.6.0"][self as usize]
    }
    pub fn of_version(version: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.version() == version)
    }
    pub fn protocol(self) -> u16 {
        [1, 1, 2][self as usize]
    }
    pub fn published(self) -> &'static dyn Crate {
        match self {
            Self::A => &a::Adapter,
            Self::B => &b::Adapter,
            Self::C => &c::Adapter,
        }
    }
}

/// The responder of a session, as the crate reports it.
pub struct Remote {
    pub pubkey: [u8; 32],
    pub nonce: [u8; 32],
    pub protocol: u16,
}

/// A share behind a tunnel; the node serves it as long as this lives.
pub struct Publication {
    pub share: [u8; 32],
    pub pubkey: [u8; 32],
    pub data: Vec<u8>,
    _node: Box<dyn Any + Send + Sync>,
}

/// A relay announcement that the crate received; invalid ones too.
pub struct Listed {
    pub pubkey: [u8; 32],
    pub is_valid: bool,
}

/// The contents of a state database, as the crate reads it.
pub struct Database {
    pub pubkey: [u8; 32],
    pub peers: BTreeSet<SocketAddr>,
}

/// A node of the crate that listens on both transports in this process until it is dropped.
pub struct Listener {
    pub pubkey: [u8; 32],
    tasks: Vec<tokio::task::JoinHandle<Result<()>>>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

#[async_trait]
pub trait Server: Send + Sync {
    /// Accepts one session.
    async fn accept(&self, key: &SigningKey) -> Result<BoxedStream>;
}

#[async_trait]
pub trait Crate: Send + Sync {
    async fn session(
        &self,
        a: At,
        key: &SigningKey,
        pin: Option<[u8; 32]>,
    ) -> Result<(BoxedStream, Remote)>;

    /// The crate's listener on a free port, accepting by hand.
    async fn server(&self, transport: Transport) -> Result<(Box<dyn Server>, SocketAddr)>;

    /// A node that listens as the reference relay does.
    async fn listen(&self, place: Place) -> Result<Listener>;

    /// A node registers a tunnel, publishes a file and stores the share's values at the relay.
    async fn publish(&self, relay: At, dir: &Path, bytes: usize) -> Result<Publication>;

    /// A fresh node finds the share through the relay alone and downloads it: the time that the
    /// download takes. Any byte that differs is an error.
    async fn download(&self, p: &Publication, relay: At, out: &Path) -> Result<Duration>;

    async fn relay_list(&self, a: At) -> Result<Vec<Listed>>;
    /// The addresses of the relays that a fresh node knows after one relay list exchange.
    async fn relays_by_exchange(&self, a: At) -> Result<BTreeSet<SocketAddr>>;
    /// The same after one look-up of the rendezvous keys.
    async fn relays_by_dht(&self, a: At) -> Result<BTreeSet<SocketAddr>>;

    /// An announcement in the form of this crate, encoded.
    fn announcement(&self, key: &SigningKey, tcp: SocketAddr, issued: u64) -> Result<Vec<u8>>;
    /// Whether the crate takes the announcement.
    fn check_announcement(&self, value: &[u8]) -> Result<()>;

    /// Opens a state database, as the crate's relay does, and adds a peer where one is given.
    async fn database(&self, data: &Path, add: Option<SocketAddr>) -> Result<Database>;
}

/// The connector of crate 0.6.0, for scenarios that use it directly.
pub use c::Dial as DialOf06;

mod a {
    use scp2p_core as published;
    include!("adapter.rs");
}
mod b {
    use core04 as published;
    include!("adapter.rs");
}
mod c {
    use core06 as published;
    include!("adapter.rs");
}
