// SPDX-License-Identifier: MPL-2.0
//! Writes the test vectors of ../README.md into a directory, or with --check compares them with it.
mod decode;
mod hello;
mod mirror;
mod out;
mod payload;
mod state;
mod value;
mod version2;

use anyhow::{Context, Result, bail};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (check, dir) = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [dir] => (false, dir),
        ["--check", dir] => (true, dir),
        _ => bail!("usage: scp2p-vectors [--check] DIRECTORY"),
    };
    hello::Crate03::prove().await.context("the mirrored hello is not that of 0.3.2")?;
    hello::Crate06::prove().await.context("the mirrored hello is not that of 0.6.0")?;
    let files = [
        ("hello.txt", hello::file()),
        ("envelope.txt", payload::envelopes()),
        ("payload.txt", payload::payloads()),
        ("value.txt", value::values()),
        ("key.txt", value::keys()),
        ("state.txt", state::file().await?),
        ("decode.txt", decode::file()),
        ("version2.txt", version2::file()),
    ];
    let mut differ = 0;
    for (name, f) in files {
        let path = std::path::Path::new(dir).join(name);
        if !check {
            std::fs::write(&path, f.text).with_context(|| path.display().to_string())?;
        } else if std::fs::read_to_string(&path).unwrap_or_default() != f.text {
            println!("{} differs", path.display());
            differ += 1;
        }
    }
    if differ > 0 {
        bail!("{differ} files differ from what the crate gives");
    }
    Ok(())
}
