// SPDX-License-Identifier: MPL-2.0
//! Every scenario by name, in the order they run.
mod basics;
mod cli;
mod community;
mod dialects;
mod differences;
mod discover;
mod durable;
mod hellos;
mod hostile;
mod life;
mod load;
mod meet;
mod mixed;
mod network;
mod options;
mod slow;
mod table;
mod takeover;
mod tunnels;
mod udp;
mod values;

use crate::crates::Dialect;
use crate::relay::Context;
use crate::stream::Transport;
use anyhow::Result;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

pub type Running = Pin<Box<dyn Future<Output = Result<String>>>>;

/// The properties of the relay under test that a scenario needs.
pub enum Needs {
    Any,
    /// The reference fails this, and is not asked: why.
    Fixed(&'static str),
}

pub enum Pace {
    /// Has the machine to itself.
    Busy,
    /// Needs time rather than a processor: runs beside others of its kind, after the rest.
    Waits,
    /// Needs nothing but time: begins first and runs beside everything.
    Silent,
}

pub enum Over {
    /// Once over each transport.
    Both,
    /// Once, over this one: why.
    Only(Transport, &'static str),
}

pub struct Scenario {
    pub name: &'static str,
    pub needs: Needs,
    pub pace: Pace,
    pub over: Over,
    /// The crates whose clients or servers it uses.
    pub crates: &'static [Dialect],
    pub run: fn(Rc<Context>) -> Running,
}

impl Scenario {
    /// Why the reference relay of this dialect cannot run it.
    pub fn is_not_for_reference(&self, d: Dialect) -> Option<String> {
        match self.needs {
            Needs::Fixed(fault) => Some(format!("known fault of the reference: {fault}")),
            Needs::Any if !self.crates.contains(&d) => {
                Some(format!("not for crate {}", d.version()))
            }
            Needs::Any => None,
        }
    }
}

/// An error that means: not run, because.
#[derive(Debug)]
pub struct Skipped(pub String);

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Skipped {}

macro_rules! scenarios {
    ($($name:literal $run:path, $needs:expr, $pace:expr, $over:expr $(, $crates:expr)?;)*) => {
        vec![$(Scenario {
            name: $name,
            needs: $needs,
            pace: $pace,
            over: $over,
            crates: [&[Dialect::A] as &[_] $(, $crates)?].last().unwrap(),
            run: |c| Box::pin(async move { $run(&c).await }),
        }),*]
    };
}

pub fn all() -> Vec<Scenario> {
    use Needs::{Any, Fixed};
    use Over::{Both, Only};
    use Pace::{Busy, Silent, Waits};
    const ALL: &[Dialect] = &Dialect::ALL;
    const CLI: Over = Only(Transport::Tls, "the command line client dials TCP only");
    const OLD_AND_NEW: &[Dialect] = &[Dialect::A, Dialect::C];
    const NEW: &[Dialect] = &[Dialect::C];
    const ONCE: Over = Only(Transport::Tls, "it is about starting, not about connections");
    const UDP: Over = Only(Transport::Quic, "it is about datagrams");
    const IPV6: Over = Only(Transport::Tls, "the crate dials QUIC from an IPv4 socket");
    const NEW_SLOT: Needs = Fixed("a new slot at each registration");
    const ONE_AT_A_TIME: Needs = Fixed("accepts one connection at a time, without a deadline");
    const ALONE: Needs = Fixed("its routing table stays empty, and it takes no names");
    const OTHER: Needs = Fixed("refuses otherwise, or not at all");
    const ALONE_IN_ITS_LIST: Needs = Fixed("a relay list holds only itself");
    const ANNOUNCED: Over = Only(Transport::Tls, "what is announced there is a TCP address");
    scenarios! {
        "handshake" basics::handshake, Any, Busy, Both;
        "pin-right" basics::pin_right, Any, Busy, Both;
        "pin-wrong" basics::pin_wrong, Any, Busy, Both;
        "dial-out" dialects::dial_out, Fixed("has no such program"), Busy, Both, ALL;
        "register-tunnel" basics::register_tunnel, Any, Busy, Both;
        "fetch-through-relay" basics::fetch, Any, Busy, Both;
        "dialects-handshake" dialects::handshake, Any, Busy, Both, ALL;
        "dialects-fetch" dialects::fetch, Any, Busy, Both, ALL;
        "dialects-hello" hellos::table, Fixed("speaks one dialect"), Busy, Both, ALL;
        "dialects-store" values::table, Any, Busy, Both, ALL;
        "fetch-by-relay-dht" basics::fetch_by_dht, Any, Busy, Both;
        "fifty-downloaders" load::fifty_downloaders, ONE_AT_A_TIME, Busy, Both;
        "dialects-downloaders" dialects::downloaders, ONE_AT_A_TIME, Busy, Both, OLD_AND_NEW;
        "unknown-slot" tunnels::unknown_slot, Any, Busy, Both;
        "node-killed-and-back" tunnels::node_back, NEW_SLOT, Busy, Both;
        "three-connections-of-one-node" tunnels::links, NEW_SLOT, Busy, Both;
        "temporary-slot" tunnels::temporary_slot, OTHER, Busy, Both;
        "max-tunnels" tunnels::max_tunnels, Fixed("max_tunnels is not enforced"), Busy, Both;
        "sizes" tunnels::sizes, Fixed("answers over 1 MiB break the requester"), Busy, Both;
        "unasked-frame" tunnels::unasked_frame, OTHER, Busy, Both;
        "requester-leaves" tunnels::requester_leaves, Any, Busy, Both;
        "half-closed-requester" tunnels::half_close, Any, Busy, Both;
        "request-table" table::request_table, Any, Busy, Both;
        "several-requests-at-once" table::pipelined, Any, Busy, Both;
        "rate-limit" table::rate_limit, Fixed("a minute of it, at 88 ms a request"), Busy, Both;
        "hostile-inner-envelopes" hostile::inner_envelopes, Any, Busy, Both;
        "handshake-refusals" hostile::handshakes, Fixed("answers a version-2 hello"), Busy, Both;
        "envelope-refusals" hostile::envelopes, OTHER, Busy, Both;
        "kill-under-load" life::kill_under_load, NEW_SLOT, Busy, Both;
        "stop-under-load" life::stop_under_load, Fixed("just exits"), Busy, Both;
        "second-relay-on-directory" life::second_relay, Fixed("two may share it"), Busy, ONCE;
        "reference-database" life::reference_database, Any, Busy, ONCE;
        "reference-takeover" takeover::reference_relays, Any, Busy, ONCE, OLD_AND_NEW;
        "values-survive" durable::values, Fixed("keeps values in memory"), Busy, Both;
        "pins-and-peers-survive" durable::pins_and_peers, OTHER, Busy, ANNOUNCED;
        "fresh-directory" life::fresh_directory, OTHER, Busy, ONCE;
        "taken-port" life::taken_port, Fixed("goes on without a listener"), Busy, Both;
        "bad-options" options::refused, OTHER, Busy, ONCE;
        "version-and-help" options::told, OTHER, Busy, ONCE;
        "slow-readers" load::slow_readers, ONE_AT_A_TIME, Busy, Both;
        "big-answers-little-memory" load::big_answers, ONE_AT_A_TIME, Busy, Both;
        "node-here-downloader-there" mixed::node_here, Any, Busy, Both;
        "one-tunnel-of-two-cut" mixed::cut, NEW_SLOT, Waits, Both;
        "requester-changes-port" udp::requester_moves, Any, Busy, UDP;
        "node-changes-port" udp::node_moves, Any, Busy, UDP;
        "nat-forgets" udp::nat_forgets, Any, Busy, UDP;
        "always-retry" udp::always_retry, OTHER, Busy, UDP;
        "wildcard-bind" udp::wildcard, Any, Busy, UDP;
        "reordered-hello" udp::reordered_hello, Any, Busy, UDP;
        "hostile-datagrams" udp::hostile, OTHER, Waits, UDP;
        "initial-flood" udp::flood, OTHER, Busy, UDP;
        "reset-after-kill" udp::reset_after_kill, Fixed("no secret of its own for it"), Busy, UDP;
        "close-on-shutdown" udp::close_on_shutdown, Fixed("just exits"), Busy, UDP;
        "silent-tunnel" slow::silent_tunnel, Any, Silent, Both;
        "lossy-handshakes" udp::lossy_handshakes, ONE_AT_A_TIME, Waits, UDP;
        "lossy-line-download" udp::lossy_download, Any, Waits, UDP;
        "lossy-line-upload" udp::lossy_upload, Any, Waits, UDP;
        "discover-relays" discover::discover, ALONE_IN_ITS_LIST, Waits, ANNOUNCED;
        "discover-forty-relays" discover::forty, ALONE_IN_ITS_LIST, Waits, ANNOUNCED;
        "dialects-discover" meet::discover, ALONE_IN_ITS_LIST, Waits, ANNOUNCED, ALL;
        "silent-connections" slow::silent, ONE_AT_A_TIME, Waits, Both;
        "node-never-answers" slow::mute_node, Fixed("no recovery when a node hangs"), Waits, Both;
        "node-on-slow-uplink" slow::slow_uplink, Fixed("30 s for all, one at a time"), Waits, Both;
        "community-index" community::index, Any, Busy, Both, NEW;
        "community-cli" cli::community, Any, Busy, CLI, NEW;
        "join-by-address" network::by_address, ALONE, Busy, Both;
        "join-by-name" network::by_name, ALONE, Busy, Both;
        "join-by-ipv6" network::by_ipv6, ALONE, Busy, IPV6;
        "join-reference" meet::join, ALONE, Waits, Both, ALL;
        "join-late" network::late, ALONE, Waits, Both;
        "join-by-key" network::by_key, ALONE, Busy, Both;
        "join-told-wrong" network::told_wrong, ALONE, Waits, Both;
    }
}
