// SPDX-License-Identifier: MPL-2.0
//! A program on a terminal of its own: an interactive program gets what a person would type, and
//! what it shows is kept as plain text.
use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const COLUMNS: u16 = 200;
const ROWS: u16 = 60;

pub struct Pty {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    /// Text up to here has been waited for.
    seen: usize,
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn open_terminal() -> Result<(OwnedFd, OwnedFd)> {
    let (mut master, mut slave) = (-1, -1);
    let size = libc::winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the out-parameters live through the call; name and termios may be null.
    let failed = unsafe {
        libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), std::ptr::null(), &size) != 0
    };
    if failed {
        return Err(std::io::Error::last_os_error().into());
    }
    // SAFETY: openpty has just returned both, and no other code holds them.
    Ok(unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) })
}

impl Pty {
    pub fn spawn(program: &Path, args: &[&str]) -> Result<Self> {
        let (master, slave) = open_terminal()?;
        let mut command = Command::new(program);
        command.args(args).env("TERM", "xterm").env_remove("RUST_LOG");
        command.stdin(Stdio::from(slave.try_clone()?)).stdout(Stdio::from(slave.try_clone()?));
        command.stderr(Stdio::from(slave));
        let child = command.spawn().with_context(|| program.display().to_string())?;
        drop(command);
        let keyboard = File::from(master);
        let (mut screen, shown) = (keyboard.try_clone()?, Arc::new(Mutex::new(vec![])));
        let kept = shown.clone();
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(n @ 1..) = screen.read(&mut some) {
                kept.lock().unwrap().extend_from_slice(&some[..n]);
            }
        });
        Ok(Self { child, keyboard, shown, seen: 0 })
    }

    pub fn enter(&mut self, text: &str) -> Result<()> {
        self.keyboard.write_all(text.as_bytes())?;
        self.keyboard.write_all(b"\r")?;
        Ok(())
    }

    /// All that it has shown, without the terminal's control sequences.
    pub fn text(&self) -> String {
        plain(&self.shown.lock().unwrap())
    }

    /// Waits for one of the words in what was shown since the last wait; that text.
    pub async fn until(&mut self, words: &[&str], within: Duration) -> Result<String> {
        let begun = Instant::now();
        loop {
            let text = self.text();
            let new = &text[self.seen..];
            let ends = words.iter().filter_map(|w| new.find(w).map(|at| at + w.len()));
            if let Some(end) = ends.min() {
                let new = new[..end].to_owned();
                self.seen += end;
                return Ok(new);
            }
            if begun.elapsed() > within {
                bail!("none of {words:?} in \"{}\"", new.trim());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Drops escape sequences, and all control characters but the end of a line. Text that ends within
/// a sequence or a character ends before it.
fn plain(bytes: &[u8]) -> String {
    let valid = bytes.utf8_chunks().next().map_or("", |c| c.valid());
    let mut out = String::new();
    let mut chars = valid.chars();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => {
                if chars.next() == Some('[') {
                    let _ = chars.find(|c| ('@'..='~').contains(c));
                }
            }
            '\n' => out.push('\n'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
