// SPDX-License-Identifier: MPL-2.0
//! Every scenario by name, in the order they run.
mod basics;
mod discover;
mod hostile;
mod life;
mod load;
mod network;
mod options;
mod slow;
mod table;
mod tunnels;

use crate::relay::Context;
use anyhow::Result;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

pub type Running = Pin<Box<dyn Future<Output = Result<String>>>>;

/// What the relay under test must be, for the scenario to pass.
pub enum Needs {
    Any,
    /// The reference fails this, and is not asked: why.
    Fixed(&'static str),
}

pub struct Scenario {
    pub name: &'static str,
    pub needs: Needs,
    /// Needs time rather than a processor: runs beside others of its kind, after the rest.
    pub mostly_waits: bool,
    pub run: fn(Rc<Context>) -> Running,
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
    ($($name:literal $run:path, $needs:expr, $waits:literal;)*) => {
        vec![$(Scenario {
            name: $name,
            needs: $needs,
            mostly_waits: $waits,
            run: |c| Box::pin(async move { $run(&c).await }),
        }),*]
    };
}

pub fn all() -> Vec<Scenario> {
    use Needs::{Any, Fixed};
    const NEW_SLOT: Needs = Fixed("a new slot at each registration");
    const ONE_AT_A_TIME: Needs = Fixed("accepts one connection at a time, without a deadline");
    const ALONE: Needs = Fixed("its routing table stays empty, and it takes no names");
    const OTHER: Needs = Fixed("refuses otherwise, or not at all");
    const ALONE_IN_ITS_LIST: Needs = Fixed("a relay list holds only itself");
    scenarios! {
        "handshake" basics::handshake, Any, false;
        "pin-right" basics::pin_right, Any, false;
        "pin-wrong" basics::pin_wrong, Any, false;
        "dial-out" basics::dial_out, Fixed("has no such program"), false;
        "register-tunnel" basics::register_tunnel, Any, false;
        "fetch-through-relay" basics::fetch, Any, false;
        "fetch-by-relay-dht" basics::fetch_by_dht, Any, false;
        "fifty-downloaders" load::fifty_downloaders, ONE_AT_A_TIME, false;
        "join-by-address" network::by_address, ALONE, false;
        "join-by-name" network::by_name, ALONE, false;
        "join-by-ipv6" network::by_ipv6, ALONE, false;
        "join-late" network::late, ALONE, true;
        "join-by-key" network::by_key, ALONE, false;
        "unknown-slot" tunnels::unknown_slot, Any, false;
        "node-killed-and-back" tunnels::node_back, NEW_SLOT, false;
        "three-connections-of-one-node" tunnels::links, NEW_SLOT, false;
        "temporary-slot" tunnels::temporary_slot, OTHER, false;
        "max-tunnels" tunnels::max_tunnels, Fixed("max_tunnels is not enforced"), false;
        "sizes" tunnels::sizes, Fixed("answers over 1 MiB break the requester"), false;
        "unasked-frame" tunnels::unasked_frame, OTHER, false;
        "requester-leaves" tunnels::requester_leaves, Any, false;
        "half-closed-requester" tunnels::half_close, Any, false;
        "request-table" table::request_table, Any, false;
        "several-requests-at-once" table::pipelined, Any, false;
        "rate-limit" table::rate_limit, Fixed("a minute of it, at 88 ms a request"), false;
        "hostile-inner-envelopes" hostile::inner_envelopes, Any, false;
        "handshake-refusals" hostile::handshakes, Fixed("answers a version-2 hello"), false;
        "envelope-refusals" hostile::envelopes, OTHER, false;
        "kill-under-load" life::kill_under_load, NEW_SLOT, false;
        "stop-under-load" life::stop_under_load, Fixed("just exits"), false;
        "second-relay-on-directory" life::second_relay, Fixed("two may share a directory"), false;
        "reference-database" life::reference_database, Any, false;
        "fresh-directory" life::fresh_directory, OTHER, false;
        "taken-port" life::taken_port, Fixed("goes on without a listener"), false;
        "bad-options" options::refused, OTHER, false;
        "version-and-help" options::told, OTHER, false;
        "slow-readers" load::slow_readers, ONE_AT_A_TIME, false;
        "big-answers-little-memory" load::big_answers, ONE_AT_A_TIME, false;
        "discover-relays" discover::discover, ALONE_IN_ITS_LIST, true;
        "discover-forty-relays" discover::forty, ALONE_IN_ITS_LIST, true;
        "silent-connections" slow::silent, ONE_AT_A_TIME, true;
        "node-never-answers" slow::mute_node, Fixed("no recovery when a node hangs"), true;
        "node-on-slow-uplink" slow::slow_uplink, Fixed("30 s for all, one at a time"), true;
    }
}
