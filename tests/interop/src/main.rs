// SPDX-License-Identifier: MPL-2.0
//! Today's clients (crate scp2p-core 0.3.2) against a relay: README.md says what and how.
mod client;
#[path = "../../vectors/generator/src/mirror.rs"]
mod mirror;
mod peers;
mod relay;
mod scenario;

use anyhow::{Context as _, Result, bail};
use relay::{Context, LogTail};
use scenario::{Needs, Scenario, Skipped};
use std::rc::Rc;
use std::time::Instant;

struct Options {
    only: Vec<String>,
    list: bool,
    keep: bool,
}

const USAGE: &str = "usage: scp2p-interop RELAY [--only WORD] [--list] [--reference] [--kills N]
    [--slow-readers N] [--dial-probe PROGRAM] [--other RELAY] [--instrumented]
    [--keep]";

fn options() -> Result<(Context, Options)> {
    let mut args = std::env::args().skip(1);
    let binary = args.next().context(USAGE)?;
    let scratch = std::env::temp_dir().join(format!("scp2p-interop-{}", std::process::id()));
    let mut c = Context::new(binary.into(), scratch);
    let mut o = Options { only: vec![], list: false, keep: false };
    while let Some(a) = args.next() {
        let mut value = || args.next().with_context(|| format!("{a}: value missing"));
        match a.as_str() {
            "--only" => o.only.push(value()?),
            "--list" => o.list = true,
            "--keep" => o.keep = true,
            "--reference" => c.is_reference = true,
            "--instrumented" => c.is_instrumented = true,
            "--kills" => c.kills = value()?.parse().context("--kills")?,
            "--slow-readers" => c.slow_readers = value()?.parse().context("--slow-readers")?,
            "--other" => c.other = Some(value()?.into()),
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

/// Runs one scenario and prints its line.
async fn run(c: Rc<Context>, s: &Scenario) -> Count {
    let mut n = Count::default();
    if let (true, Needs::Fixed(fault)) = (c.is_reference, &s.needs) {
        println!("skip {}: known fault of the reference: {fault}", s.name);
        n.skipped = 1;
        return n;
    }
    let begun = Instant::now();
    match (s.run)(c).await {
        Ok(note) => {
            let note = if note.is_empty() { note } else { format!(": {note}") };
            println!("ok {}{note} [{:.1} s]", s.name, begun.elapsed().as_secs_f64());
            n.passed = 1;
        }
        Err(e) if e.is::<Skipped>() => {
            println!("skip {}: {e}", s.name);
            n.skipped = 1;
        }
        Err(e) => {
            let tail = e.downcast_ref::<LogTail>().map(|t| t.0.clone()).unwrap_or_default();
            let skip = usize::from(e.is::<LogTail>());
            let why: Vec<String> = e.chain().skip(skip).map(ToString::to_string).collect();
            let took = begun.elapsed().as_secs_f64();
            println!("FAIL {}: {} [{took:.1} s]", s.name, why.join(": ").replace('\n', " "));
            print!("{tail}");
            n.failed = 1;
        }
    }
    n
}

async fn run_all(c: Rc<Context>, chosen: Vec<Scenario>) -> Count {
    let mut total = Count::default();
    let mut add = |n: Count| {
        total.passed += n.passed;
        total.failed += n.failed;
        total.skipped += n.skipped;
    };
    let (waiting, busy): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|s| s.mostly_waits);
    for s in busy {
        add(run(c.clone(), &s).await);
    }
    let tasks: Vec<_> = waiting
        .into_iter()
        .map(|s| {
            let c = c.clone();
            tokio::task::spawn_local(async move { run(c, &s).await })
        })
        .collect();
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
    let mut chosen = scenario::all();
    if !o.only.is_empty() {
        chosen.retain(|s| o.only.iter().any(|w| s.name.contains(w.as_str())));
    }
    if o.list {
        for s in &chosen {
            println!("{}", s.name);
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
