// SPDX-License-Identifier: MPL-2.0
//! The command line: what is refused, and with how many words.
use crate::relay::Context;
use anyhow::{Context as _, Result, ensure};
use std::process::Stdio;

pub async fn refused(c: &Context) -> Result<String> {
    let cases: [&[&str]; 20] = [
        &["--no-such-option"],
        &["stray"],
        &["--bind-tcp", "nonsense"],
        &["--bind-tcp", "127.0.0.1"],
        &["--bind-tcp", "127.0.0.1:70000"],
        &["--bind-quic", "1.2.3.4.5:1"],
        &["--bootstrap", "http://x:1"],
        &["--bootstrap", "tcp://"],
        &["--announce", "tcp://1.2.3.4"],
        &["--workers", "0"],
        &["--workers", "many"],
        &["--max-tunnels", "0"],
        &["--max-tunnels", "-1"],
        &["--max-tunnels", "70000"],
        &["--memory-max", "1"],
        &["--memory-max", "12parsecs"],
        &["--log-level", "loud"],
        &["--log-format", "xml"],
        &["--config", "/etc/passwd"],
        &["--max-tunnels"],
    ];
    let dir = c.directory()?;
    for args in cases {
        let told = || args.join(" ");
        let (status, said) = c.refused(c.command(&dir, c.free_place(), args)).await?;
        let code = status.code().with_context(|| format!("{}: {status}", told()))?;
        ensure!(code != 0, "{} was accepted", told());
        ensure!(said.trim().lines().count() == 1, "{}: it said {said:?}", told());
        let subject = args[0].trim_start_matches('-');
        ensure!(said.contains(subject), "{}: it said {said:?}", told());
    }
    let nowhere = std::path::Path::new("/proc/no-such-place");
    let (status, said) = c.refused(c.command(nowhere, c.free_place(), &[])).await?;
    ensure!(status.code().is_some_and(|n| n != 0), "{status} with a directory it cannot make");
    ensure!(said.contains("/proc/no-such-place"), "a directory it cannot make: it said {said:?}");
    let file = dir.join("data");
    std::fs::write(&file, b"not a directory")?;
    let (status, said) = c.refused(c.command(&dir, c.free_place(), &[])).await?;
    ensure!(status.code().is_some_and(|n| n != 0), "{status} with a file as data directory");
    ensure!(said.contains("data"), "a file as data directory: it said {said:?}");
    Ok(format!("{} command lines", cases.len() + 2))
}

pub async fn told(c: &Context) -> Result<String> {
    for (args, words) in [
        (["-V"], "scp2p-relay"),
        (["--version"], "scp2p-relay"),
        (["-h"], "--bind-tcp"),
        (["--help"], "--max-tunnels"),
    ] {
        let mut command = tokio::process::Command::new(&c.binary);
        let out = command.args(args).stdin(Stdio::null()).output().await?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        ensure!(out.status.success(), "{args:?}: {}", out.status);
        ensure!(text.contains(words), "{args:?} printed {text:?}");
    }
    Ok(String::new())
}
