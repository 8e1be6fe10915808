// SPDX-License-Identifier: MPL-2.0
//! The published clients against a relay: README.md says what and how.
mod client;
mod crates;
mod initial;
mod line;
#[path = "../../vectors/generator/src/mirror.rs"]
mod mirror;
mod peers;
mod pty;
mod relay;
mod scenario;
mod stream;
mod values;

use anyhow::{Context as _, Result, anyhow, bail};
use crates::Dialect;
use relay::{Context, LogTail};
use scenario::{Over, Pace, Scenario, Skipped};
use std::rc::Rc;
use std::time::{Duration, Instant};
use stream::Transport;

struct Options {
    only: Vec<String>,
    transport: Option<Transport>,
    list: bool,
    keep: bool,
}

const USAGE: &str = "usage: scp2p-interop RELAY [--only WORD] [--transport tls|quic] [--list]
    [--reference VERSION] [--kills N] [--slow-readers N] [--dial-probe PROGRAM]
    [--other VERSION=RELAY] [--cli PROGRAM] [--instrumented] [--keep]";

fn dialect(version: &str) -> Result<Dialect> {
    Dialect::of_version(version).with_context(|| format!("no crate {version} here\n{USAGE}"))
}

fn options() -> Result<(Context, Options)> {
    let mut args = std::env::args().skip(1);
    let binary = args.next().context(USAGE)?;
    let scratch = std::env::temp_dir().join(format!("scp2p-interop-{}", std::process::id()));
    let mut c = Context::new(binary.into(), scratch);
    let mut o = Options { only: vec![], transport: None, list: false, keep: false };
    while let Some(a) = args.next() {
        let mut value = || args.next().with_context(|| format!("{a}: value missing"));
        match a.as_str() {
            "--only" => o.only.push(value()?),
            "--transport" => match value()?.as_str() {
                "tls" => o.transport = Some(Transport::Tls),
                "quic" => o.transport = Some(Transport::Quic),
                other => bail!("--transport {other}: tls or quic"),
            },
            "--list" => o.list = true,
            "--keep" => o.keep = true,
            "--reference" => c.reference = Some(dialect(&value()?)?),
            "--instrumented" => c.is_instrumented = true,
            "--kills" => c.kills = value()?.parse().context("--kills")?,
            "--slow-readers" => c.slow_readers = value()?.parse().context("--slow-readers")?,
            "--other" => {
                let other = value()?;
                let (version, relay) = other.split_once('=').context(USAGE)?;
                c.others.insert(dialect(version)?, relay.into());
            }
            "--cli" => c.cli = Some(value()?.into()),
            "--dial-probe" => c.dial_probe = Some(value()?.into()),
            _ => bail!("unknown option {a}\n{USAGE}"),
        }
    }
    Ok((c, o))
}

fn raise_descriptor_limit() {
    // SAFETY: both calls only read and write the struct given.
    unsafe {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
}

#[derive(Default)]
struct Count {
    passed: u32,
    failed: u32,
    skipped: u32,
}

/// A scenario over one transport.
struct Case {
    name: String,
    transport: Transport,
    scenario: Rc<Scenario>,
}

/// No scenario takes half of it.
const LONGEST: Duration = Duration::from_secs(400);

/// Runs one and prints its line.
async fn run(c: Rc<Context>, case: Case) -> Count {
    let mut n = Count::default();
    let (name, s) = (case.name, case.scenario);
    if let Some(why) = c.reference.and_then(|d| s.is_not_for_reference(d)) {
        println!("skip {name}: {why}");
        n.skipped = 1;
        return n;
    }
    let begun = Instant::now();
    let c = Rc::new(c.over(case.transport));
    let ended = tokio::time::timeout(LONGEST, (s.run)(c));
    match ended.await.unwrap_or_else(|_| Err(anyhow!("no end after {LONGEST:?}"))) {
        Ok(note) => {
            let note = if note.is_empty() { note } else { format!(": {note}") };
            println!("ok {name}{note} [{:.1} s]", begun.elapsed().as_secs_f64());
            n.passed = 1;
        }
        Err(e) if e.is::<Skipped>() => {
            println!("skip {name}: {e}");
            n.skipped = 1;
        }
        Err(e) => {
            let tail = e.downcast_ref::<LogTail>().map(|t| t.0.clone()).unwrap_or_default();
            let skip = usize::from(e.is::<LogTail>());
            let why: Vec<String> = e.chain().skip(skip).map(ToString::to_string).collect();
            let took = begun.elapsed().as_secs_f64();
            println!("FAIL {name}: {} [{took:.1} s]", why.join(": ").replace('\n', " "));
            print!("{tail}");
            n.failed = 1;
        }
    }
    n
}

/// Those over TLS, then those over QUIC; says which scenario has no second transport, and why.
fn cases(o: &Options) -> Vec<Case> {
    let mut all = vec![];
    let scenarios: Vec<_> = scenario::all().into_iter().map(Rc::new).collect();
    for transport in [Transport::Tls, Transport::Quic] {
        for s in &scenarios {
            let name = match transport {
                Transport::Tls => s.name.to_string(),
                Transport::Quic => format!("{}/quic", s.name),
            };
            let is_wanted = o.transport.is_none_or(|t| t == transport)
                && (o.only.is_empty() || o.only.iter().any(|w| name.contains(w.as_str())));
            match s.over {
                Over::Only(t, why) if t != transport => {
                    if is_wanted && transport == Transport::Quic {
                        println!("-- {name} is no scenario: {why}");
                    }
                }
                _ if is_wanted => all.push(Case { name, transport, scenario: s.clone() }),
                _ => {}
            }
        }
    }
    all
}

async fn run_all(c: Rc<Context>, chosen: Vec<Case>) -> Count {
    let mut total = Count::default();
    let mut add = |n: Count| {
        total.passed += n.passed;
        total.failed += n.failed;
        total.skipped += n.skipped;
    };
    let beside = |case| tokio::task::spawn_local(run(c.clone(), case));
    let (mut busy, mut waiting, mut tasks) = (vec![], vec![], vec![]);
    for case in chosen {
        match case.scenario.pace {
            Pace::Busy => busy.push(case),
            Pace::Waits => waiting.push(case),
            Pace::Silent => tasks.push(beside(case)),
        }
    }
    for case in busy {
        add(run(c.clone(), case).await);
    }
    tasks.extend(waiting.into_iter().map(beside));
    for task in tasks {
        add(task.await.unwrap_or(Count { failed: 1, ..Count::default() }));
    }
    total
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    raise_descriptor_limit();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (c, o) = options()?;
    let chosen = cases(&o);
    if o.list {
        for case in &chosen {
            println!("{}", case.name);
        }
        return Ok(());
    }
    let scratch = c.scratch.clone();
    std::fs::create_dir_all(&scratch)?;
    let total = tokio::task::LocalSet::new().run_until(run_all(Rc::new(c), chosen)).await;
    if o.keep {
        println!("kept {}", scratch.display());
    } else {
        std::fs::remove_dir_all(&scratch)?;
    }
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    std::process::exit(i32::from(total.failed > 0));
}
