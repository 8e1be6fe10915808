// SPDX-License-Identifier: MPL-2.0
//! What only a transport over datagrams meets: ports that change, lines that lose, crowds that are
//! not there, a relay that has forgotten.
use crate::client::*;
use crate::initial::{self, DATAGRAM, Hello, V1, crypto};
use crate::line::{Line, Quality};
use crate::peers::*;
use crate::relay::{Context, Place, Relay, STOP_IN, with};
use crate::stream::{At, Quic, Transport};
use anyhow::{Context as _, Result, ensure};
use quinn::ConnectionError;
use scp2p_core::wire::Envelope;
use scp2p_core::{BoxedStream, Capabilities, handshake_initiator};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes that tell where they belong.
fn pattern(n: u32, bytes: usize) -> Vec<u8> {
    (0..bytes as u32).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(n) >> 11) as u8).collect()
}

/// A session whose quinn connection is at hand.
async fn shaken(a: At) -> Result<(Quic, quinn::Endpoint, quinn::Connection)> {
    shake(Quic::open(a.addr).await?).await
}

async fn shake(mut s: Quic) -> Result<(Quic, quinn::Endpoint, quinn::Connection)> {
    handshake_initiator(&mut s, &new_key(), Capabilities::default(), random(), None).await?;
    let (endpoint, connection) = (s.endpoint.clone(), s.connection.clone());
    Ok((s, endpoint, connection))
}

const ANSWER: usize = 1_000_000;
const ANSWERS: u32 = 20;

/// The node's side of `downloaded`.
async fn patterned(q: Envelope) -> Option<Vec<u8>> {
    Some(reply(&q, pattern(q.req_id, ANSWER)))
}

/// 20 MB in answers of 1 MB, each compared; `disturb` is called while one of four comes in.
async fn downloaded(
    s: &mut BoxedStream,
    slot: u64,
    disturb: impl Fn() -> Result<()>,
) -> Result<()> {
    for n in 0..ANSWERS {
        let inner = Envelope { r#type: 500, req_id: n, flags: 0, payload: vec![] }.encode()?;
        let disturbed = async {
            tokio::time::sleep(Duration::from_millis(3)).await;
            if n % 4 == 1 { disturb() } else { Ok(()) }
        };
        let (r, done) = tokio::join!(through(s, slot, n, &inner), disturbed);
        done?;
        let r = r.with_context(|| format!("answer {n}"))?.answer()?;
        ensure!(r.payload == pattern(n, ANSWER), "answer {n} has other bytes");
    }
    Ok(())
}

/// A requester goes on from another port in the middle of answers.
pub async fn requester_moves(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let node = owner(relay.place.at(Transport::Tls), &new_key(), patterned).await?;
        let (s, endpoint, connection) = shaken(relay.at).await?;
        let mut s: BoxedStream = Box::new(s);
        downloaded(&mut s, node.slot, || Quic::change_port(&endpoint)).await?;
        Ok(format!("{} packets lost", connection.stats().path.lost_packets))
    })
    .await
}

/// The same of a node, while it answers.
pub async fn node_moves(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let (s, endpoint, connection) = shaken(relay.at).await?;
        let node = serve(Box::new(s), patterned).await?;
        let mut s = dial(relay.place.at(Transport::Tls), &new_key(), None).await?;
        downloaded(&mut s, node.slot, || Quic::change_port(&endpoint)).await?;
        Ok(format!("{} packets lost", connection.stats().path.lost_packets))
    })
    .await
}

/// The same of both, without their knowing. Who has nothing to say would not be found again before
/// it times out, so the requester pings.
pub async fn nat_forgets(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let line = Line::new(relay.at, Quality::default()).await?;
        let node = owner(line.at, &new_key(), patterned).await?;
        let mut pings = quinn::TransportConfig::default();
        pings.keep_alive_interval(Some(Duration::from_millis(300)));
        let (s, _, _) = shake(Quic::open_with(line.at.addr, pings).await?).await?;
        let mut s: BoxedStream = Box::new(s);
        let disturb = || {
            line.change_ports();
            Ok(())
        };
        downloaded(&mut s, node.slot, disturb).await?;
        ensure!(node.is_connected(), "the tunnel went");
        Ok(String::new())
    })
    .await
}

const LOSSY: Quality = Quality {
    seed: 20_260_101,
    delay: Duration::from_millis(20),
    loss: 0.01,
    reorder: 0.02,
    duplicate: 0.01,
    bytes_per_second: None,
};

fn told(line: &Line, begun: Instant) -> String {
    let (passed, lost) = line.counts();
    let (took, seed) = (begun.elapsed().as_secs_f64(), LOSSY.seed);
    format!("20 MB in {took:.1} s, {lost} of {} datagrams lost, seed {seed}", passed + lost)
}

/// A whole node downloads over a line that loses 1 %, delays by 20 ms each way, reorders, doubles.
pub async fn lossy_download(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let line = Line::new(relay.at, LOSSY).await?;
        let dir = c.directory()?;
        let p = publisher(relay.at, &dir, 20_000_003).await?;
        let begun = Instant::now();
        download_from(&p, &[p.via.clone()], &dir.join("out.bin"), Some(line.at)).await?;
        Ok(told(&line, begun))
    })
    .await
}

/// A node's tunnel runs over such a line, all answers over one connection.
pub async fn lossy_upload(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let line = Line::new(relay.at, LOSSY).await?;
        let node = owner(line.at, &new_key(), patterned).await?;
        let mut s = dial(relay.at, &new_key(), None).await?;
        let begun = Instant::now();
        downloaded(&mut s, node.slot, || Ok(())).await?;
        ensure!(node.is_connected(), "the tunnel went");
        Ok(told(&line, begun))
    })
    .await
}

/// Datagrams pass each other, those of a hello too: neither end waits for a timer.
pub async fn reordered_hello(c: &Context) -> Result<String> {
    const SWAPPED: Quality = Quality {
        delay: Duration::from_millis(1),
        loss: 0.0,
        duplicate: 0.0,
        reorder: 1.0,
        ..LOSSY
    };
    with(c, &[], async |relay| {
        let node = echo_owner(relay.at).await?;
        let line = Line::new(relay.at, SWAPPED).await?;
        let mut worst = Duration::ZERO;
        for n in 0..40 {
            let begun = Instant::now();
            visit(line.at, node.slot, 10).await.with_context(|| format!("visit {n}"))?;
            worst = worst.max(begun.elapsed());
        }
        ensure!(worst < Duration::from_millis(700), "a visit took {worst:?}");
        Ok(format!("40 visits, worst {worst:.1?}"))
    })
    .await
}

/// With the option, the relay validates the address of every client; all clients succeed.
pub async fn always_retry(c: &Context) -> Result<String> {
    with(c, &["--quic-retry", "always"], async |relay| {
        let node = echo_owner(relay.at).await?;
        for _ in 0..10 {
            visit(relay.at, node.slot, 1000).await?;
        }
        let answered = relay.counters().await?["quic_retries_answered_total"];
        ensure!(answered == 11, "{answered} of 11 proved their address");
        Ok(String::new())
    })
    .await
}

/// Sixty clients at once connect over a line that loses 3 %: the crate gives up after 5 s.
pub async fn lossy_handshakes(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let node = echo_owner(relay.at).await?;
        let line = Line::new(relay.at, Quality { loss: 0.03, ..LOSSY }).await?;
        let (at, slot, begun) = (line.at, node.slot, Instant::now());
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..60 {
            all.spawn(async move { visit(at, slot, 3000).await.map(|_| begun.elapsed()) });
        }
        let mut took = vec![];
        while let Some(done) = all.join_next().await {
            took.push(done?.with_context(|| format!("after {}", took.len()))?);
        }
        took.sort();
        let (passed, lost) = line.counts();
        let (median, worst) = (took[took.len() / 2], took[took.len() - 1]);
        Ok(format!("median {median:.1?}, worst {worst:.1?}, {lost} of {} lost", passed + lost))
    })
    .await
}

/// Bound to every address, it answers from the one it was asked at; over IPv6 too, where there is.
pub async fn wildcard(c: &Context) -> Result<String> {
    let has_v6 = std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let mut binds = vec![(IpAddr::V4(Ipv4Addr::UNSPECIFIED), vec!["127.0.0.1", "127.201.7.9"])];
    if has_v6 {
        binds.push((Ipv6Addr::LOCALHOST.into(), vec!["::1"]));
        binds.push((Ipv6Addr::UNSPECIFIED.into(), vec!["::1"]));
    }
    for (ip, dialled) in binds {
        let free = c.free_place();
        let place = Place { quic: (ip, free.quic.port()).into(), ..free };
        let relay = Relay::start(c, &c.directory()?, place, &[]).await?;
        for to in dialled {
            let at = At::quic(SocketAddr::new(to.parse()?, place.quic.port()));
            let (s, _, _) = shaken(at).await.with_context(|| format!("{to} of {ip}"))?;
            let node = serve(Box::new(s), patterned).await?;
            let (s, _, _) = shaken(at).await?;
            downloaded(&mut (Box::new(s) as BoxedStream), node.slot, || Ok(())).await?;
        }
        relay.stop().await?;
    }
    Ok(if has_v6 { String::new() } else { "no IPv6 here".into() })
}

/// The replies to these datagrams within a time.
async fn answers(a: SocketAddr, datagrams: &[Vec<u8>], within: Duration) -> Result<Vec<Vec<u8>>> {
    let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    for d in datagrams {
        socket.send_to(d, a).await?;
    }
    let (mut all, mut some) = (vec![], [0; 2048]);
    let until = tokio::time::Instant::now() + within;
    while let Ok(n) = tokio::time::timeout_at(until, socket.recv(&mut some)).await {
        all.push(some[..n?].to_vec());
    }
    Ok(all)
}

enum Want {
    Nothing,
    /// Less than was sent: a stateless reset, if anything.
    Less,
    VersionNegotiation,
    /// At most three times what was sent.
    ThreeTimes,
}

fn datagrams(hello: &Hello) -> Result<Vec<(&'static str, Vec<Vec<u8>>, Want)>> {
    let unsound =
        |version, frames: &[u8], size| initial::initial(version, random(), 0, frames, size);
    let mut false_tag = unsound(V1, &crypto(0, &[1; 300]), DATAGRAM)?;
    false_tag[DATAGRAM - 1] ^= 1;
    let long = |byte: u8| [&[0xc0, 0, 0, 0, 1][..], &[byte; DATAGRAM - 5]].concat();
    let [first, second] = hello.flight(random())?;
    Ok(vec![
        ("nothing", vec![vec![]], Want::Nothing),
        ("one byte", vec![vec![0xc3]], Want::Nothing),
        ("half a head", vec![first[..12].to_vec()], Want::Nothing),
        ("a short header", vec![vec![0x41; 500]], Want::Less),
        ("a short header of 21 bytes", vec![vec![0x41; 21]], Want::Less),
        ("zeros", vec![vec![0; DATAGRAM]], Want::Less),
        ("a connection id of 255 bytes", vec![long(255)], Want::Nothing),
        ("lengths of zero", vec![long(0)], Want::ThreeTimes),
        ("a false tag", vec![false_tag], Want::ThreeTimes),
        ("a small Initial", vec![unsound(V1, &crypto(0, &[1; 300]), 600)?], Want::Nothing),
        (
            "garbage as hello",
            vec![unsound(V1, &crypto(0, &[0xff; 300]), DATAGRAM)?],
            Want::ThreeTimes,
        ),
        ("an unknown frame", vec![unsound(V1, &[0x3f], DATAGRAM)?], Want::ThreeTimes),
        ("no frame", vec![unsound(V1, &[], DATAGRAM)?], Want::ThreeTimes),
        (
            "an unknown version",
            vec![unsound(0x1a2a_3a4a, &[], DATAGRAM)?],
            Want::VersionNegotiation,
        ),
        ("an unknown version, small", vec![unsound(0x1a2a_3a4a, &[], 600)?], Want::Nothing),
        ("half a hello", vec![first.clone()], Want::ThreeTimes),
        ("the other half alone", vec![second.clone()], Want::ThreeTimes),
        ("a hello and silence", vec![first, second], Want::ThreeTimes),
    ])
}

/// Garbage in every form, and hellos without a client behind: never answered with more than three
/// times as much, and no other client is disturbed.
pub async fn hostile(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let node = echo_owner(relay.at).await?;
        let all = datagrams(&Hello::new()?)?;
        let count = all.len();
        for (name, sent, want) in all {
            // Long enough for what is sent again.
            let within = Duration::from_millis(if sent.len() > 1 { 4000 } else { 250 });
            let said = answers(relay.at.addr, &sent, within).await?;
            let bytes = |all: &[Vec<u8>]| all.iter().map(Vec::len).sum::<usize>();
            let (sent, heard) = (bytes(&sent), bytes(&said));
            let is_right = match want {
                Want::Nothing => heard == 0,
                Want::Less => heard == 0 || heard < sent,
                Want::VersionNegotiation => {
                    said.len() == 1 && said[0][0] & 0x80 != 0 && said[0][1..5] == [0; 4]
                }
                Want::ThreeTimes => heard <= 3 * sent,
            };
            ensure!(is_right, "{name}: {sent} bytes sent, {heard} came back");
            visit(relay.at, node.slot, 10).await.with_context(|| format!("after {name}"))?;
        }
        ensure!(node.is_connected(), "the tunnel went");
        relay.has_counted(&["quic_version_negotiations_sent_total"]).await?;
        Ok(format!("{count} kinds"))
    })
    .await
}

/// First flights of clients that do not exist, each from an address of its own.
struct Flood {
    end: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<Result<()>>>,
}

impl Flood {
    const PER_SECOND: u64 = 4000;

    fn start(to: SocketAddr) -> Self {
        let (end, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stop, count) = (end.clone(), sent.clone());
        let thread = std::thread::spawn(move || {
            let hello = Hello::new()?;
            let begun = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                let n = count.fetch_add(1, Ordering::Relaxed);
                let due = Duration::from_micros(n * 1_000_000 / Self::PER_SECOND);
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
                let [_, a, b, c] = (n as u32 * 7 + 1).to_be_bytes();
                let from = Ipv4Addr::new(127, 1 + a % 250, b, c);
                let socket = std::net::UdpSocket::bind((from, 0))?;
                // One of three says only half of its hello.
                for d in hello.flight(random())?.iter().take(if n % 3 == 0 { 1 } else { 2 }) {
                    socket.send_to(d, to)?;
                }
            }
            Ok(())
        });
        Self { end, sent, thread: Some(thread) }
    }

    fn stop(&mut self) -> Result<u64> {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| anyhow::anyhow!("the flood panicked"))??;
        }
        Ok(self.sent.load(Ordering::Relaxed))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// Thousands of first flights a second from many addresses: the relay's memory hardly grows and
/// then stays, and honest clients connect within a second.
pub async fn flood(c: &Context) -> Result<String> {
    const SECONDS: u64 = 12;
    const GROWTH_MAX: u64 = 16 << 20;
    const LATE_GROWTH_MAX: u64 = 1 << 20;
    with(c, &[], async |relay| {
        let node = echo_owner(relay.at).await?;
        visit(relay.at, node.slot, 10).await?;
        let before = relay.rss()?;
        let mut flood = Flood::start(relay.at.addr);
        let begun = Instant::now();
        let (mut visits, mut worst, mut half) = (0, Duration::ZERO, 0);
        while begun.elapsed() < Duration::from_secs(SECONDS) {
            if half == 0 && begun.elapsed() > Duration::from_secs(SECONDS / 2) {
                half = relay.rss()?;
            }
            let visited = Instant::now();
            visit(relay.at, node.slot, 256).await.context("an honest client")?;
            worst = worst.max(visited.elapsed());
            visits += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let sent = flood.stop()?;
        let after = relay.rss()?;
        let (grown, late) = (after.saturating_sub(before), after.saturating_sub(half));
        if !c.is_instrumented {
            ensure!(grown < GROWTH_MAX, "grew by {} KiB", grown >> 10);
            ensure!(late < LATE_GROWTH_MAX, "still grew by {} KiB", late >> 10);
        }
        ensure!(worst < Duration::from_secs(1), "an honest client needed {worst:?}");
        ensure!(node.is_connected(), "the tunnel went");
        relay.has_counted(&["quic_retries_sent_total", "quic_retries_answered_total"]).await?;
        let memory = format!("{} KiB more, {} of them late", grown >> 10, late >> 10);
        Ok(format!("{sent} flights, {memory}, {visits} visits, worst {worst:.1?}"))
    })
    .await
}

/// kill -9, and a new relay with the same directory: a tunnel's next packet tells the node.
pub async fn reset_after_kill(c: &Context) -> Result<String> {
    let (dir, place) = (c.directory()?, c.free_place());
    let first = Relay::start(c, &dir, place, &[]).await?;
    let mut all = vec![];
    for _ in 0..4 {
        let (s, _, connection) = shaken(first.at).await?;
        let mut s: BoxedStream = Box::new(s);
        register(&mut s, None, true).await?;
        all.push((s, connection));
    }
    first.kill().await?;
    let second = Relay::start(c, &dir, place, &[]).await?;
    let mut worst = Duration::ZERO;
    for (mut s, connection) in all {
        let begun = Instant::now();
        let _ = write_frame(&mut s, &[0; 100]).await; // a probe of its own may have told it already
        let end = tokio::time::timeout(Duration::from_secs(2), connection.closed()).await;
        let end = end.context("the node received no reset")?;
        ensure!(end == ConnectionError::Reset, "the node saw: {end}");
        worst = worst.max(begun.elapsed());
    }
    let node = echo_owner(second.at).await?;
    visit(second.at, node.slot, 10).await?;
    second.has_counted(&["quic_stateless_resets_sent_total"]).await?;
    second.stop().await?;
    Ok(format!("within {worst:.1?}"))
}

/// SIGTERM: every tunnel hears so, with the code of an orderly end.
pub async fn close_on_shutdown(c: &Context) -> Result<String> {
    let relay = c.start(&[]).await?;
    let mut all = vec![];
    for _ in 0..30 {
        let (s, _, connection) = shaken(relay.at).await?;
        let mut s: BoxedStream = Box::new(s);
        register(&mut s, None, true).await?;
        all.push((s, connection));
    }
    let begun = Instant::now();
    let stopped = relay.stop().await;
    for (_, connection) in &all {
        let left = STOP_IN.saturating_sub(begun.elapsed());
        let end = tokio::time::timeout(left, connection.closed()).await.context("no close")?;
        let ConnectionError::ApplicationClosed(close) = &end else {
            anyhow::bail!("a tunnel saw: {end}");
        };
        ensure!(close.error_code.into_inner() == 0, "code {}", close.error_code);
    }
    stopped?;
    Ok(format!("{} tunnels in {:.1?}", all.len(), begun.elapsed()))
}
