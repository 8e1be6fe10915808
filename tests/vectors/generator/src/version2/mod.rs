// SPDX-License-Identifier: MPL-2.0
//! Additions of crate 0.6.0: hellos and announcements of 8 capability fields, values with a tag,
//! paged community messages. Signed bytes that the crate does not export are mirrored here. A
//! signature by the crate must verify over each of them.
mod messages;
mod odd;
mod records;

use crate::hello::Crate06;
use crate::mirror::{Hello, Side};
use crate::out::{File, Line};
use ciborium::Value;
use core06::wire::*;
use core06::*;
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use messages::*;
use odd::*;
use records::*;

const T: u64 = 1_700_000_000;
const DAY: u64 = 86_400;
const TCP: TransportProtocol = TransportProtocol::Tcp;

struct Keys {
    node: SigningKey,
    share: SigningKey,
    community: SigningKey,
    successor: SigningKey,
}

fn keys() -> Keys {
    let seed = |first: u8| SigningKey::from_bytes(&std::array::from_fn(|i| first + i as u8));
    Keys { node: seed(0), share: seed(0x20), community: seed(0x40), successor: seed(0x60) }
}

fn public(key: &SigningKey) -> [u8; 32] {
    key.verifying_key().to_bytes()
}

fn community_id() -> [u8; 32] {
    ShareId::from_pubkey(&keys().community.verifying_key()).0
}

fn verifies(key: &[u8; 32], signed: &[u8], signature: &[u8]) -> bool {
    let key = VerifyingKey::from_bytes(key).unwrap();
    let signature = Signature::from_slice(signature).unwrap();
    key.verify_strict(signed, &signature).is_ok()
}

fn peer(ip: &str, port: u16) -> PeerAddr {
    PeerAddr { ip: ip.parse().unwrap(), port, transport: TCP, pubkey_hint: None, relay_via: None }
}

fn opt_text(t: Option<&str>) -> Option<String> {
    t.map(String::from)
}

// -- hellos and announcements --

fn caps(l: Line, c: &Capabilities) -> Line {
    l.flag("dht", c.dht)
        .flag("store", c.store)
        .flag("relay", c.relay)
        .flag("content_seed", c.content_seed)
        .flag("mobile_light", c.mobile_light)
        .flag("community_paged_browse", c.community_paged_browse)
        .flag("community_search", c.community_search)
        .flag("community_delta_sync", c.community_delta_sync)
}

fn hello_line(name: &str, s: &Side<Capabilities>, h: &Hello<Capabilities>) -> Line {
    h.verify().unwrap();
    let l = Line::new("hello", name, &cbor::to_vec(h).unwrap())
        .b("seed", &s.seed)
        .b("node_pubkey", &h.node_pubkey);
    caps(l, &h.capabilities)
        .b("nonce", &h.nonce)
        .opt_b("echoed_nonce", h.echoed_nonce.as_ref().map(|x| &x[..]))
        .n("timestamp", h.timestamp_unix_secs)
        .n("version", h.protocol_version)
        .b("eph_secret", &s.eph_secret)
        .b("ephemeral_pubkey", &h.ephemeral_pubkey)
        .b("signature", &h.signature)
        .b("signed", &h.signed_bytes())
}

fn hellos(f: &mut File) {
    let (client, server) = Crate06::sides();
    f.add(hello_line("client_hello_c", &client, &client.hello(None, T, 2)));
    f.add(hello_line("server_hello_c", &server, &server.hello(Some(client.nonce), T + 1, 2)));
    f.add(hello_line("client_ack_c", &client, &client.hello(Some(server.nonce), T + 1, 2)));
    f.add(hello_line("client_hello_b", &client, &client.hello(None, T, 1)));
    f.add(hello_line("server_hello_b", &server, &server.hello(Some(client.nonce), T + 1, 1)));
}

const ANNOUNCED_FOR: u64 = 21_600;

fn announcement() -> RelayAnnouncement {
    let capacity = RelayCapacity {
        max_tunnels: 64,
        bandwidth_class: BandwidthClass::Medium,
        max_bytes_per_tunnel: None,
    };
    let caps = Capabilities { relay: true, ..Capabilities::default() };
    let addrs = vec![peer("192.0.2.7", 7001)];
    RelayAnnouncement::new_signed(&keys().node, addrs, caps, capacity, T, ANNOUNCED_FOR).unwrap()
}

/// The same relay's announcement of 0.3.2, whose signature covers 5 fields.
fn old_announcement() -> scp2p_core::RelayAnnouncement {
    use scp2p_core as old;
    let addrs = vec![old::PeerAddr {
        ip: "192.0.2.7".parse().unwrap(),
        port: 7001,
        transport: old::TransportProtocol::Tcp,
        pubkey_hint: None,
        relay_via: None,
    }];
    let capacity = old::RelayCapacity {
        max_tunnels: 64,
        bandwidth_class: old::BandwidthClass::Medium,
        max_bytes_per_tunnel: None,
    };
    let caps = old::Capabilities { relay: true, ..old::Capabilities::default() };
    old::RelayAnnouncement::new_signed(&keys().node, addrs, caps, capacity, T, ANNOUNCED_FOR)
        .unwrap()
}

/// `valid_5`, `valid_8`: the verdicts of 0.3.2 and 0.6.0; `signed_5`, `signed_8`: the bytes that
/// each of them verifies.
fn announcement_line(name: &str, bytes: &[u8]) -> Line {
    let a: RelayAnnouncement = cbor::from_slice(bytes).unwrap();
    let old: scp2p_core::RelayAnnouncement = scp2p_core::cbor::from_slice(bytes).unwrap();
    Line::new("announcement_form", name, bytes)
        .b("relay_pubkey", &a.relay_pubkey)
        .b("signature", &a.signature)
        .b("signed_5", &old.signing_bytes())
        .b("signed_8", &a.signing_bytes())
        .flag("valid_5", old.verify_signature().is_ok())
        .flag("valid_8", a.verify_signature().is_ok())
}

fn announcements(f: &mut File) {
    let (new, old) =
        (cbor::to_vec(&announcement()).unwrap(), cbor::to_vec(&old_announcement()).unwrap());
    f.add(announcement_line("signed_8_sent_8", &new));
    f.add(announcement_line("signed_5_sent_5", &old));
    let mut mixed = announcement();
    mixed.signature = old_announcement().signature;
    f.add(announcement_line("signed_5_sent_8", &cbor::to_vec(&mixed).unwrap()));
    let mut mixed = old_announcement();
    mixed.signature = announcement().signature;
    f.add(announcement_line("signed_8_sent_5", &cbor::to_vec(&mixed).unwrap()));
}

pub fn file() -> File {
    let mut f = File::of("0.6.0", "Additions of versions since 0.4.0 to the protocol");
    hellos(&mut f);
    announcements(&mut f);
    members().iter().for_each(|(name, r)| f.add(member_line(name, r)));
    f.add(token_line());
    shares().iter().for_each(|(name, r)| f.add(share_line(name, r)));
    let one = [peer("192.0.2.7", 7001)];
    let seventeen: Vec<_> = (0..17).map(|i| peer("192.0.2.8", i)).collect();
    f.add(hint_line("both", &hint(&one, &one)));
    f.add(hint_line("no_index_peers", &hint(&one, &[])));
    f.add(hint_line("empty", &hint(&[], &[])));
    f.add(hint_line("most", &hint(&seventeen[..16], &seventeen[..8])));
    f.add(hint_line("too_many_members", &hint(&seventeen, &[])));
    f.add(hint_line("too_many_index_peers", &hint(&[], &seventeen[..9])));
    pages(&mut f);
    rotations().iter().for_each(|(name, r)| f.add(rotation_line(name, r)));
    revocations().iter().for_each(|(name, r)| f.add(revocation_line(name, r)));
    requests(&mut f);
    answers(&mut f);
    odd_values(&mut f);
    odd_requests(&mut f);
    f
}
