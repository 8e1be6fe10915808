// SPDX-License-Identifier: MPL-2.0
//! The relay under test as a process: started on a free port in a directory of its own, waited
//! for, stopped. How it ends is part of every test: a code other than 0 or a sanitizer's report
//! fails it.
use crate::crates::Dialect;
use crate::scenario::Skipped;
use crate::stream::{At, Transport};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

pub const READY: &str = "relay node ready";
const READY_IN: Duration = Duration::from_secs(20);
pub const STOP_IN: Duration = Duration::from_secs(10);

/// The addresses on which a relay listens.
#[derive(Clone, Copy)]
pub struct Place {
    pub tcp: SocketAddr,
    pub quic: SocketAddr,
}

impl Place {
    pub fn at(&self, transport: Transport) -> At {
        match transport {
            Transport::Tls => At::tls(self.tcp),
            Transport::Quic => At::quic(self.quic),
        }
    }
}

/// The options of the whole run, and the transport a scenario runs over.
#[derive(Clone)]
pub struct Context {
    pub transport: Transport,
    pub binary: PathBuf,
    pub scratch: PathBuf,
    /// The relay under test is the reference, and speaks this dialect alone.
    pub reference: Option<Dialect>,
    pub is_instrumented: bool,
    pub kills: usize,
    pub slow_readers: usize,
    pub dial_probe: Option<PathBuf>,
    /// Reference relays to run beside the relay under test.
    pub others: HashMap<Dialect, PathBuf>,
    /// The published command line client 0.6.0.
    pub cli: Option<PathBuf>,
    directories: Arc<AtomicU32>,
    ports: Arc<AtomicU32>,
}

impl Context {
    pub fn new(binary: PathBuf, scratch: PathBuf) -> Self {
        Self {
            transport: Transport::Tls,
            binary,
            scratch,
            reference: None,
            is_instrumented: false,
            kills: 5,
            slow_readers: 100,
            dial_probe: None,
            others: HashMap::new(),
            cli: None,
            directories: Arc::default(),
            ports: Arc::new(AtomicU32::new(20_000)),
        }
    }

    pub fn is_reference(&self) -> bool {
        self.reference.is_some()
    }

    /// The dialects that the relay under test serves.
    pub fn dialects(&self) -> Vec<Dialect> {
        self.reference.map_or(Dialect::ALL.to_vec(), |d| vec![d])
    }

    /// The reference relay of a dialect; the scenario is skipped where it is not given.
    pub fn other(&self, d: Dialect) -> Result<&Path> {
        let program = self.others.get(&d).map(PathBuf::as_path);
        program.ok_or_else(|| Skipped(format!("no --other {}=RELAY given", d.version())).into())
    }

    pub fn over(&self, transport: Transport) -> Self {
        Self { transport, ..self.clone() }
    }

    pub fn directory(&self) -> Result<PathBuf> {
        let n = self.directories.fetch_add(1, Ordering::Relaxed);
        let dir = self.scratch.join(format!("{n}"));
        std::fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Addresses without a listener: on a loopback address of this process's own, so that two runs
    /// do not meet, and below the range of the kernel's own ephemeral ports.
    pub fn free_place(&self) -> Place {
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        let ip = [127, 1 + (high << 6 | middle >> 2) % 200, middle << 6 | low >> 2, 1 + (low & 3)];
        loop {
            let port = self.ports.fetch_add(2, Ordering::Relaxed) as u16;
            let place = Place { quic: (ip, port).into(), tcp: (ip, port + 1).into() };
            if std::net::TcpListener::bind(place.tcp).is_ok()
                && std::net::UdpSocket::bind(place.quic).is_ok()
            {
                return place;
            }
        }
    }

    pub fn command(&self, dir: &Path, place: Place, args: &[&str]) -> Command {
        Self::command_of(&self.binary, dir, place, args)
    }

    fn command_of(binary: &Path, dir: &Path, place: Place, args: &[&str]) -> Command {
        let mut c = Command::new(binary);
        c.arg("--data-dir").arg(dir.join("data")).arg("--bind-tcp").arg(place.tcp.to_string());
        c.arg("--bind-quic").arg(place.quic.to_string()).args(args);
        for (name, _) in std::env::vars().filter(|(k, _)| k.starts_with("SCP2P_")) {
            c.env_remove(name);
        }
        c.env("NO_COLOR", "1").stdin(Stdio::null()).kill_on_drop(true);
        c
    }

    pub async fn start(&self, args: &[&str]) -> Result<Relay> {
        Relay::start(self, &self.directory()?, self.free_place(), args).await
    }

    /// Runs the relay where it ought to refuse: its exit status and all it said, within 10 s.
    pub async fn refused(&self, mut c: Command) -> Result<(ExitStatus, String)> {
        c.stdout(Stdio::piped()).stderr(Stdio::piped());
        let out = tokio::time::timeout(Duration::from_secs(10), c.spawn()?.wait_with_output());
        let out = out.await.context("it went on running")??;
        let text = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
        ensure!(!text.contains(READY), "it said it was ready");
        Ok((out.status, text.into_owned()))
    }
}

pub struct Relay {
    /// The address that serves the scenario's transport.
    pub at: At,
    pub place: Place,
    pub pubkey: [u8; 32],
    pub pid: u32,
    pub ready_in: Duration,
    log: PathBuf,
    child: tokio::sync::Mutex<Child>,
}

impl Relay {
    pub async fn start(c: &Context, dir: &Path, place: Place, args: &[&str]) -> Result<Self> {
        Self::start_as(c, (&c.binary, c.is_reference()), dir, place, args).await
    }

    /// A program and whether it is the reference: it may be another than the one under test.
    pub async fn start_as(
        c: &Context,
        (binary, is_reference): (&Path, bool),
        dir: &Path,
        place: Place,
        args: &[&str],
    ) -> Result<Self> {
        let log = dir.join("relay.log");
        let out = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let before = out.metadata()?.len() as usize;
        let begun = Instant::now();
        let mut child = Context::command_of(binary, dir, place, args)
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| binary.display().to_string())?;
        let pubkey = loop {
            let text = std::fs::read(&log)?;
            let text = String::from_utf8_lossy(&text[before..]).into_owned();
            if let Some(line) = text.lines().find(|l| l.contains(READY)) {
                break pubkey_in(line).with_context(|| format!("no pubkey in \"{line}\""))?;
            }
            if let Some(status) = child.try_wait()? {
                bail!("relay ended at start with {status}: {}", text.trim());
            }
            ensure!(begun.elapsed() < READY_IN, "relay not ready in time: {}", text.trim());
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let ready_in = begun.elapsed();
        if is_reference {
            wait_for_listener(place.tcp).await?;
        }
        let pid = child.id().context("no pid")?;
        let (at, child) = (place.at(c.transport), tokio::sync::Mutex::new(child));
        Ok(Self { at, place, pubkey, pid, ready_in, log, child })
    }

    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .unwrap_or_default()
    }

    pub fn signal(&self, number: i32) {
        // SAFETY: kill(2) touches no memory; the child is not reaped before `child` is waited for.
        unsafe { libc::kill(self.pid as i32, number) };
    }

    pub async fn wait(&self, within: Duration) -> Result<ExitStatus> {
        let mut child = self.child.lock().await;
        Ok(tokio::time::timeout(within, child.wait()).await.context("relay still running")??)
    }

    pub async fn kill(&self) -> Result<()> {
        self.signal(libc::SIGKILL);
        self.wait(STOP_IN).await.map(|_| ())
    }

    /// SIGTERM; an orderly end within 10 s or an error.
    pub async fn stop(&self) -> Result<()> {
        self.signal(libc::SIGTERM);
        let status = self.wait(STOP_IN + Duration::from_secs(1)).await;
        if status.is_err() {
            self.kill().await?;
        }
        let status = status?;
        ensure!(status.success(), "relay ended with {status}");
        let log = self.log();
        for word in ["Sanitizer", "runtime error:", "panicked at"] {
            ensure!(!log.contains(word), "relay's log has \"{word}\"");
        }
        Ok(())
    }

    /// Its counters and refusals by name, which it logs on SIGUSR1.
    pub async fn counters(&self) -> Result<HashMap<String, u64>> {
        let before = self.log().len();
        self.signal(libc::SIGUSR1);
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let log = self.log();
            let new = &log[before..];
            let found: HashMap<_, _> = new.lines().filter_map(counter_in).collect();
            if found.contains_key("cancelled") {
                return Ok(found);
            }
        }
        bail!("SIGUSR1 brought no counters")
    }

    /// Fails unless each of these counters is above zero.
    pub async fn has_counted(&self, names: &[&str]) -> Result<()> {
        let counters = self.counters().await?;
        for name in names {
            let value = counters.get(*name).with_context(|| format!("no counter {name}"))?;
            ensure!(*value > 0, "{name} counts nothing");
        }
        Ok(())
    }

    /// Peak resident size, bytes.
    pub fn peak_rss(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    pub fn rss(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, what: &str) -> Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = text.lines().find(|l| l.starts_with(what)).context("no such line")?;
        Ok(line.split_whitespace().nth(1).context("no number")?.parse::<u64>()? * 1024)
    }

    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(12);
        lines[from..].iter().map(|l| format!("    | {l}\n")).collect()
    }
}

/// The reference says it is ready before its listener is bound.
pub async fn wait_for_listener(addr: SocketAddr) -> Result<()> {
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(addr).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("no listener at {addr}")
}

/// `... name=x value=1` or `... reason=x value=1`.
fn counter_in(line: &str) -> Option<(String, u64)> {
    let mut words = line.rsplit(' ');
    let value = words.next()?.strip_prefix("value=")?.parse().ok()?;
    let name = words.next()?.split_once('=')?.1;
    Some((name.to_string(), value))
}

fn pubkey_in(line: &str) -> Option<[u8; 32]> {
    let rest = &line[line.find("pubkey=")? + 7..];
    let hex: String = rest.trim_start_matches('"').chars().take(64).collect();
    hex::decode(hex).ok()?.try_into().ok()
}

/// Runs `body` against a fresh relay, and stops it; either may fail the test.
pub async fn with<F>(c: &Context, args: &[&str], body: F) -> Result<String>
where
    F: AsyncFnOnce(&Relay) -> Result<String>,
{
    let relay = c.start(args).await?;
    let result = body(&relay).await;
    let stopped = relay.stop().await;
    let note = result.and_then(|note| stopped.map(|()| note));
    note.map_err(|e| e.context(LogTail(relay.tail())))
}

/// Goes around an error: the relay's last words.
#[derive(Debug)]
pub struct LogTail(pub String);

impl std::fmt::Display for LogTail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
