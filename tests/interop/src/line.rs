// SPDX-License-Identifier: MPL-2.0
//! A path between a client and the relay: slow, long, lossy, cut. The fate of a datagram is drawn
//! from a seed; TCP is only slowed and cut.
use crate::stream::{At, Transport};
use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::AbortHandle;

/// The same both ways, but for `bytes_per_second`.
#[derive(Clone, Copy, Default)]
pub struct Quality {
    pub seed: u64,
    pub delay: Duration,
    /// Probabilities, per datagram.
    pub loss: f64,
    pub reorder: f64,
    pub duplicate: f64,
    /// The bandwidth towards the relay.
    pub bytes_per_second: Option<usize>,
}

/// How long a reordered datagram is held at most.
const HELD_MAX: Duration = Duration::from_millis(10);
/// The longest queue of a slow path; more is dropped.
const QUEUE_MAX: Duration = Duration::from_secs(1);
/// The longest timer delay that is compensated.
const TIMER_SLACK: Duration = Duration::from_millis(20);

/// Dropped, all its connections are.
pub struct Line {
    pub at: At,
    state: Arc<State>,
    task: AbortHandle,
}

#[derive(Default)]
struct State {
    is_cut: AtomicBool,
    moves: AtomicU32,
    passed: AtomicU32,
    lost: AtomicU32,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

impl Line {
    pub async fn new(to: At, quality: Quality) -> Result<Self> {
        let state = Arc::new(State::default());
        let (addr, task) = match to.transport {
            Transport::Tls => {
                ensure!(quality.loss + quality.reorder + quality.duplicate == 0.0);
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                let addr = listener.local_addr()?;
                (addr, tokio::spawn(accept(listener, to.addr, quality, state.clone())))
            }
            Transport::Quic => {
                let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
                let addr = near.local_addr()?;
                (addr, tokio::spawn(up(near, to.addr, quality, state.clone())))
            }
        };
        let at = At { addr, transport: to.transport };
        Ok(Self { at, state, task: task.abort_handle() })
    }

    /// From now on nothing passes. Over TCP both ends see their connection close, over UDP neither
    /// end sees anything.
    pub fn cut(&self) {
        self.state.is_cut.store(true, Ordering::Relaxed);
    }

    /// From now on the relay sees every client at another port: a NAT that forgot.
    pub fn change_ports(&self) {
        self.state.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// Datagrams (of TCP: pieces on the way up) passed on and lost so far.
    pub fn counts(&self) -> (u32, u32) {
        (self.state.passed.load(Ordering::Relaxed), self.state.lost.load(Ordering::Relaxed))
    }
}

/// The datagrams under way in one direction.
struct Way<To> {
    quality: Quality,
    rng: StdRng,
    state: Arc<State>,
    free_at: Instant,
    order: u64,
    under_way: BTreeMap<(Instant, u64), (To, Vec<u8>)>,
}

impl<To: Clone> Way<To> {
    fn new(quality: Quality, state: &Arc<State>) -> Self {
        let rng = StdRng::seed_from_u64(quality.seed);
        let (state, free_at) = (state.clone(), Instant::now());
        Self { quality, rng, state, free_at, order: 0, under_way: BTreeMap::new() }
    }

    /// When a thin line is through with it; none: it is lost.
    fn leaves(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        if self.rng.gen_bool(self.quality.loss) {
            return None;
        }
        let Some(rate) = self.quality.bytes_per_second else { return Some(now) };
        let begins = self.free_at.max(now);
        if begins > now + QUEUE_MAX {
            return None;
        }
        self.free_at = begins + Duration::from_secs_f64(bytes as f64 / rate as f64);
        Some(self.free_at)
    }

    fn take(&mut self, to: To, bytes: &[u8]) {
        let Some(leaves) = self.leaves(Instant::now(), bytes.len()) else {
            self.state.lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        for _ in 0..1 + u32::from(self.rng.gen_bool(self.quality.duplicate)) {
            let mut due = leaves + self.quality.delay;
            if self.rng.gen_bool(self.quality.reorder) {
                due += self.rng.gen_range(Duration::ZERO..HELD_MAX);
            }
            self.order += 1;
            self.under_way.insert((due, self.order), (to.clone(), bytes.to_vec()));
        }
    }

    fn arrives(&mut self) -> Option<(To, Vec<u8>)> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= Instant::now()).then(|| first.remove())
    }

    async fn wait(&self) {
        match self.under_way.first_key_value() {
            Some((key, _)) => tokio::time::sleep_until(key.0.into()).await,
            None => std::future::pending().await,
        }
    }
}

async fn up(near: Arc<UdpSocket>, relay: SocketAddr, quality: Quality, state: Arc<State>) {
    let mut way = Way::new(quality, &state);
    let mut clients: HashMap<SocketAddr, (u32, Arc<UdpSocket>, AbortHandle)> = HashMap::new();
    let (mut mappings, mut some) = (0, vec![0; 65_536]);
    while !state.is_cut.load(Ordering::Relaxed) {
        tokio::select! {
            Ok((n, client)) = near.recv_from(&mut some) => {
                let moves = state.moves.load(Ordering::Relaxed);
                if clients.get(&client).is_none_or(|known| known.0 != moves) {
                    let Ok(far) = UdpSocket::bind("127.0.0.1:0").await else { continue };
                    if far.connect(relay).await.is_err() {
                        continue;
                    }
                    let far = Arc::new(far);
                    mappings += 1;
                    let theirs = Quality {
                        seed: quality.seed.wrapping_add(mappings),
                        bytes_per_second: None,
                        ..quality
                    };
                    let back = down(far.clone(), near.clone(), client, theirs, state.clone());
                    let back = tokio::spawn(back).abort_handle();
                    if let Some(old) = clients.insert(client, (moves, far, back)) {
                        old.2.abort();
                    }
                }
                way.take(clients[&client].1.clone(), &some[..n]);
            }
            () = way.wait() => while let Some((far, bytes)) = way.arrives() {
                let _ = far.send(&bytes).await;
                state.passed.fetch_add(1, Ordering::Relaxed);
            },
        }
    }
}

async fn down(
    far: Arc<UdpSocket>,
    near: Arc<UdpSocket>,
    client: SocketAddr,
    quality: Quality,
    state: Arc<State>,
) {
    let mut way = Way::new(quality, &state);
    let mut some = vec![0; 65_536];
    while !state.is_cut.load(Ordering::Relaxed) {
        tokio::select! {
            Ok(n) = far.recv(&mut some) => way.take((), &some[..n]),
            () = way.wait() => while let Some(((), bytes)) = way.arrives() {
                let _ = near.send_to(&bytes, client).await;
                state.passed.fetch_add(1, Ordering::Relaxed);
            },
        }
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, quality: Quality, state: Arc<State>) {
    while let Ok((near, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            let cut = async {
                while !state.is_cut.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! {
                _ = carry(near, to, quality.bytes_per_second, &state) => {}
                () = cut => {}
            }
        });
    }
}

async fn carry(
    near: TcpStream,
    to: SocketAddr,
    bytes_per_second: Option<usize>,
    state: &State,
) -> Result<()> {
    let far = TcpStream::connect(to).await?;
    far.set_nodelay(true)?;
    near.set_nodelay(true)?;
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    let down = async move {
        let _ = tokio::io::copy(&mut far_read, &mut near_write).await;
        near_write.shutdown().await
    };
    let up = async move {
        let mut some = [0; 1400];
        let mut free_at = Instant::now();
        while let Ok(n @ 1..) = near_read.read(&mut some).await {
            if let Some(rate) = bytes_per_second {
                let takes = Duration::from_secs_f64(n as f64 / rate as f64);
                free_at = free_at.max(Instant::now() - TIMER_SLACK) + takes;
                tokio::time::sleep_until(free_at.into()).await;
            }
            far_write.write_all(&some[..n]).await?;
            state.passed.fetch_add(1, Ordering::Relaxed);
        }
        far_write.shutdown().await
    };
    let (one, other) = tokio::join!(down, up);
    Ok(one.and(other)?)
}
