// SPDX-License-Identifier: MPL-2.0
//! Odd forms, with the crate's verdict on each: what another decoder must be ready to meet.
use crate::mirror::Hello;
use crate::out::{File, Line, id};
use crate::value;
use scp2p_core::wire::{Envelope, WirePayload};
use scp2p_core::{ManifestV1, RelayAnnouncement, ShareHead, cbor};

fn head(major: u8, n: u64) -> Vec<u8> {
    let m = major << 5;
    match n {
        0..24 => vec![m | n as u8],
        24..256 => vec![m | 24, n as u8],
        256..65536 => [&[m | 25][..], &(n as u16).to_be_bytes()].concat(),
        65536..0x1_0000_0000 => [&[m | 26][..], &(n as u32).to_be_bytes()].concat(),
        _ => [&[m | 27][..], &n.to_be_bytes()].concat(),
    }
}
fn uint(n: u64) -> Vec<u8> {
    head(0, n)
}
fn bytes(b: &[u8]) -> Vec<u8> {
    [&head(2, b.len() as u64)[..], b].concat()
}
fn text(s: &str) -> Vec<u8> {
    [&head(3, s.len() as u64)[..], s.as_bytes()].concat()
}
fn ints(b: &[u8]) -> Vec<u8> {
    b.iter().fold(head(4, b.len() as u64), |acc, x| [acc, uint(u64::from(*x))].concat())
}
fn map(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    pairs.iter().fold(head(5, pairs.len() as u64), |acc, (k, v)| [&acc[..], k, v].concat())
}
fn indefinite(open: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    [&[open][..], &parts.concat(), &[0xff]].concat()
}
fn nested(depth: usize) -> Vec<u8> {
    [vec![0x81; depth], vec![0]].concat()
}

type Pair = (Vec<u8>, Vec<u8>);

fn envelope(r#type: Vec<u8>, req_id: Vec<u8>, flags: Vec<u8>, payload: Vec<u8>) -> Vec<Pair> {
    vec![
        (text("type"), r#type),
        (text("req_id"), req_id),
        (text("flags"), flags),
        (text("payload"), payload),
    ]
}
fn plain() -> Vec<Pair> {
    envelope(uint(500), uint(9), uint(0), bytes(&[1, 2, 200]))
}
fn with(more: &[Pair]) -> Vec<u8> {
    map(&[&plain()[..], more].concat())
}

/// (name, bytes); what the relay must decide alike has no `~` in front.
fn envelopes() -> Vec<(&'static str, Vec<u8>)> {
    let (one, zero, ok) = (uint(1), uint(0), bytes(&[7]));
    let flat: Vec<Vec<u8>> = plain().into_iter().flat_map(|(k, v)| [k, v]).collect();
    let mut reversed = plain();
    reversed.reverse();
    let chunks = indefinite(0x5f, &[bytes(&[1]), bytes(&[]), bytes(&[2, 200])]);
    let split_key = indefinite(0x7f, &[text("pay"), text("load")]);
    vec![
        ("canonical", map(&plain())),
        ("reversed_keys", map(&reversed)),
        ("indefinite_map", indefinite(0xbf, &flat)),
        ("payload_ints", map(&envelope(uint(500), one.clone(), zero.clone(), ints(&[1, 2, 200])))),
        (
            "payload_indefinite_ints",
            map(&envelope(
                uint(500),
                one.clone(),
                zero.clone(),
                indefinite(0x9f, &[uint(1), uint(200)]),
            )),
        ),
        ("payload_chunks", map(&envelope(uint(500), one.clone(), zero.clone(), chunks))),
        (
            "payload_no_chunks",
            map(&envelope(uint(500), one.clone(), zero.clone(), vec![0x5f, 0xff])),
        ),
        ("trailing_bytes", [map(&plain()), vec![0xff, 0, 1]].concat()),
        (
            "long_ints",
            map(&envelope(
                vec![0x1b, 0, 0, 0, 0, 0, 0, 1, 0xf4],
                vec![0x18, 1],
                vec![0x19, 0, 0],
                vec![0x58, 1, 7],
            )),
        ),
        ("unknown_text_key", with(&[(text("extra"), text("value"))])),
        ("unknown_deep_value", with(&[(text("extra"), nested(10))])),
        ("~unknown_very_deep_value", with(&[(text("extra"), nested(100))])),
        ("~unknown_too_deep_value", with(&[(text("extra"), nested(300))])),
        ("~unknown_int_key", with(&[(uint(5), uint(6))])),
        ("~unknown_bytes_key", with(&[(bytes(&[5]), uint(6))])),
        ("~unknown_array_key", with(&[(head(4, 0), uint(6))])),
        ("~unknown_null_key", with(&[(vec![0xf6], uint(6))])),
        ("~unknown_long_key", with(&[(text(&"k".repeat(5000)), uint(6))])),
        ("~unknown_float_value", with(&[(text("f"), vec![0xfb, 0, 0, 0, 0, 0, 0, 0, 0])])),
        ("~unknown_simple_value", with(&[(text("s"), vec![0xf0])])),
        ("~unknown_undefined_value", with(&[(text("s"), vec![0xf7])])),
        ("~unknown_bad_utf8_value", with(&[(text("s"), vec![0x62, 0xc3, 0x28])])),
        ("~unknown_bad_utf8_key", with(&[(vec![0x62, 0xc3, 0x28], uint(1))])),
        (
            "~unknown_indefinite_text_key",
            with(&[(indefinite(0x7f, &[text("ex"), text("tra")]), uint(1))]),
        ),
        ("~known_indefinite_text_key", map(&[&plain()[..3], &[(split_key, ok.clone())]].concat())),
        (
            "~tagged_type",
            map(&envelope([vec![0xc1], uint(500)].concat(), one.clone(), zero.clone(), ok.clone())),
        ),
        ("~tagged_map", [vec![0xd9, 0xd9, 0xf7], map(&plain())].concat()),
        (
            "~type_bignum",
            map(&envelope(vec![0xc2, 0x42, 0x01, 0xf4], one.clone(), zero.clone(), ok.clone())),
        ),
        (
            "~array_instead_of_map",
            [head(4, 4), uint(500), one.clone(), zero.clone(), ok.clone()].concat(),
        ),
        ("duplicate_key", with(&[(text("type"), uint(501))])),
        ("missing_type", map(&plain()[1..])),
        ("missing_payload", map(&plain()[..3])),
        ("empty_map", map(&[])),
        ("type_65536", map(&envelope(uint(65536), one.clone(), zero.clone(), ok.clone()))),
        ("type_negative", map(&envelope(head(1, 0), one.clone(), zero.clone(), ok.clone()))),
        ("type_text", map(&envelope(text("500"), one.clone(), zero.clone(), ok.clone()))),
        ("type_float", map(&envelope(vec![0xf9, 0x3c, 0], one.clone(), zero.clone(), ok.clone()))),
        ("req_id_too_big", map(&envelope(uint(500), uint(1 << 32), zero.clone(), ok.clone()))),
        ("req_id_null", map(&envelope(uint(500), vec![0xf6], zero.clone(), ok.clone()))),
        ("flags_bool", map(&envelope(uint(500), one.clone(), vec![0xf4], ok.clone()))),
        ("payload_null", map(&envelope(uint(500), one.clone(), zero.clone(), vec![0xf6]))),
        ("~payload_text", map(&envelope(uint(500), one.clone(), zero.clone(), text("abc")))),
        (
            "payload_int_256",
            map(&envelope(uint(500), one.clone(), zero.clone(), [head(4, 1), uint(256)].concat())),
        ),
        (
            "payload_of_text",
            map(&envelope(uint(500), one.clone(), zero.clone(), [head(4, 1), text("a")].concat())),
        ),
        ("truncated", map(&plain())[..20].to_vec()),
        ("bare_break", vec![0xff]),
        (
            "array_length_lie",
            map(&envelope(uint(500), one.clone(), zero, vec![0x9a, 0xff, 0xff, 0xff, 0xff])),
        ),
        ("null", vec![0xf6]),
    ]
}

fn relay_streams() -> Vec<(&'static str, Vec<u8>)> {
    let (slot, stream) = ((text("relay_slot_id"), uint(7)), (text("stream_id"), uint(0)));
    let (kind, data) = (|k: &str| (text("kind"), text(k)), (text("payload"), bytes(&[1, 2])));
    vec![
        ("stream", map(&[slot.clone(), stream.clone(), kind("content"), data.clone()])),
        ("stream_without_kind", map(&[slot.clone(), stream.clone(), data.clone()])),
        ("stream_other_kind", map(&[slot.clone(), stream.clone(), kind("Content"), data.clone()])),
        (
            "stream_ints",
            map(&[
                slot.clone(),
                stream.clone(),
                kind("content"),
                (text("payload"), ints(&[1, 255])),
            ]),
        ),
        ("stream_without_payload", map(&[slot.clone(), stream.clone(), kind("content")])),
        (
            "stream_slot_too_big",
            map(&[
                (text("relay_slot_id"), vec![0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
                stream,
                kind("content"),
                data,
            ]),
        ),
    ]
}

fn registers() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("register_empty", map(&[])),
        ("register_only_tunnel", map(&[(text("tunnel"), vec![0xf5])])),
        ("register_null_tunnel", map(&[(text("tunnel"), vec![0xf6])])),
        ("register_int_tunnel", map(&[(text("tunnel"), uint(1))])),
        ("register_negative_slot", map(&[(text("relay_slot_id"), head(1, 5))])),
        ("~register_undefined_slot", map(&[(text("relay_slot_id"), vec![0xf7])])),
    ]
}

fn int_keyed() -> Vec<(&'static str, u16, Vec<u8>)> {
    let (t, k) = (bytes(&id("t")[..20]), bytes(&id("k")));
    vec![
        ("find_node", 200, map(&[(uint(0), t.clone())])),
        ("find_node_long_key", 200, map(&[(vec![0x18, 0], t.clone())])),
        ("find_node_text_key", 200, map(&[(text("0"), t.clone())])),
        ("find_node_19_bytes", 200, map(&[(uint(0), bytes(&[1; 19]))])),
        ("~find_node_ints", 200, map(&[(uint(0), ints(&[1; 20]))])),
        (
            "find_node_chunks",
            200,
            map(&[(uint(0), indefinite(0x5f, &[bytes(&[1; 10]), bytes(&[2; 10])]))]),
        ),
        (
            "find_node_unknown_keys",
            200,
            map(&[(uint(9), uint(1)), (text("x"), vec![0xf6]), (uint(0), t.clone())]),
        ),
        ("~find_node_duplicate", 200, map(&[(uint(0), t.clone()), (uint(0), t)])),
        (
            "store_reversed",
            202,
            map(&[(uint(2), uint(5)), (uint(1), bytes(b"v")), (uint(0), k.clone())]),
        ),
        ("store_without_ttl", 202, map(&[(uint(0), k.clone()), (uint(1), bytes(b"v"))])),
        (
            "store_negative_ttl",
            202,
            map(&[(uint(0), k.clone()), (uint(1), bytes(b"v")), (uint(2), head(1, 0))]),
        ),
        ("get_chunk_index_too_big", 500, map(&[(uint(0), k.clone()), (uint(1), uint(1 << 32))])),
        ("find_value_array", 201, [head(4, 1), k].concat()),
    ]
}

fn peers() -> Vec<(&'static str, Vec<u8>)> {
    let ip = |v: &str, b: &[u8]| (text("ip"), map(&[(text(v), ints(b))]));
    let rest = |t: &str| {
        [
            (text("port"), uint(7001)),
            (text("transport"), text(t)),
            (text("pubkey_hint"), vec![0xf6]),
        ]
    };
    let plain = map(&[&[ip("V4", &[1, 2, 3, 4])][..], &rest("tcp")].concat());
    let route = |p: &[u8]| {
        (text("relay_via"), map(&[(text("relay_addr"), p.to_vec()), (text("slot_id"), uint(3))]))
    };
    let mut chain = plain.clone();
    for _ in 0..5 {
        chain = map(&[&[ip("V4", &[1, 2, 3, 4])][..], &rest("tcp"), &[route(&chain)]].concat());
    }
    let offer = |p: &[u8]| map(&[(text("peers"), [&head(4, 1)[..], p].concat())]);
    vec![
        ("peer", offer(&plain)),
        (
            "~peer_ip_bytes",
            offer(&map(&[
                &[(text("ip"), map(&[(text("V4"), bytes(&[1, 2, 3, 4]))]))][..],
                &rest("tcp"),
            ]
            .concat())),
        ),
        (
            "peer_without_hint",
            offer(&map(&[&[ip("V4", &[1, 2, 3, 4])][..], &rest("tcp")[..2]].concat())),
        ),
        (
            "peer_null_via",
            offer(&map(&[
                &[ip("V4", &[1, 2, 3, 4])][..],
                &rest("tcp"),
                &[(text("relay_via"), vec![0xf6])],
            ]
            .concat())),
        ),
        (
            "peer_hint_bytes",
            offer(&map(&[
                &[ip("V4", &[1, 2, 3, 4])][..],
                &rest("tcp")[..2],
                &[(text("pubkey_hint"), bytes(&[9; 32]))],
            ]
            .concat())),
        ),
        (
            "peer_other_transport",
            offer(&map(&[&[ip("V4", &[1, 2, 3, 4])][..], &rest("udp")].concat())),
        ),
        ("peer_v4_three_bytes", offer(&map(&[&[ip("V4", &[1, 2, 3])][..], &rest("tcp")].concat()))),
        ("peer_v5", offer(&map(&[&[ip("V5", &[1, 2, 3, 4])][..], &rest("tcp")].concat()))),
        (
            "peer_ip_text",
            offer(&map(&[&[(text("ip"), text("1.2.3.4"))][..], &rest("tcp")].concat())),
        ),
        ("~peer_via_chain", offer(&chain)),
    ]
}

fn hellos() -> Vec<(&'static str, Vec<u8>)> {
    let caps = |n: usize| {
        let names = ["dht", "store", "relay", "content_seed", "mobile_light"];
        map(&names[..n].iter().map(|k| (text(k), vec![0xf4])).collect::<Vec<_>>())
    };
    let all = |f: fn(&[u8]) -> Vec<u8>, sig: usize, c: usize, echo: &[u8]| {
        map(&[
            (text("node_pubkey"), f(&id("a"))),
            (text("capabilities"), caps(c)),
            (text("nonce"), f(&id("b"))),
            (text("echoed_nonce"), echo.to_vec()),
            (text("timestamp_unix_secs"), uint(5)),
            (text("protocol_version"), uint(1)),
            (text("ephemeral_pubkey"), f(&id("c"))),
            (text("signature"), f(&[0; 128][..sig])),
        ])
    };
    let full = all(ints, 64, 5, &[0xf6]);
    vec![
        ("hello_ints", full.clone()),
        ("hello_bytes", all(bytes, 64, 5, &[0xf6])),
        ("hello_echo_bytes", all(ints, 64, 5, &bytes(&id("e")))),
        ("hello_capability_missing", all(ints, 64, 4, &[0xf6])),
        ("hello_echo_31_bytes", all(ints, 64, 5, &bytes(&id("e")[..31]))),
        ("~hello_signature_65", all(ints, 65, 5, &[0xf6])),
        ("hello_truncated", full[..full.len() - 1].to_vec()),
    ]
}

fn manifests() -> Vec<(&'static str, Vec<u8>)> {
    let catalog = value::manifests().swap_remove(0).1;
    let strip = |gone: &[&str], from_item: bool| {
        let mut v: cbor::Value = cbor::from_slice(&cbor::to_vec(&catalog).unwrap()).unwrap();
        let drop = |v: &mut cbor::Value| {
            v.as_map_mut().unwrap().retain(|(k, _)| !gone.contains(&k.as_text().unwrap()))
        };
        if from_item {
            let items =
                v.as_map_mut().unwrap().iter_mut().find(|(k, _)| k.as_text() == Some("items"));
            items.unwrap().1.as_array_mut().unwrap().iter_mut().for_each(drop);
        } else {
            drop(&mut v);
        }
        cbor::to_vec(&v).unwrap()
    };
    vec![
        ("manifest", strip(&[], false)),
        ("manifest_defaults", strip(&["visibility", "communities", "signature"], false)),
        ("manifest_nullable_missing", strip(&["expires_at", "title", "description"], false)),
        ("manifest_item_defaults", strip(&["chunk_count", "chunk_list_hash", "mime"], true)),
        ("manifest_without_items", strip(&["items"], false)),
        ("manifest_item_without_tags", strip(&["tags"], true)),
    ]
}

fn line(what: &str, name: &str, b: &[u8], accepted: bool) -> Line {
    let (name, may_differ) = name.strip_prefix('~').map_or((name, false), |n| (n, true));
    Line::new(if accepted { "accept" } else { "reject" }, name, b)
        .word("what", what)
        .flag("may_differ", may_differ)
}

pub fn file() -> File {
    let mut f = File::new("Odd forms with the verdict of the crate's decoder");
    for (name, b) in envelopes() {
        let e = Envelope::decode(&b);
        let l = line("envelope", name, &b, e.is_ok());
        f.add(match e {
            Ok(e) => l
                .n("type", e.r#type)
                .n("req_id", e.req_id)
                .n("flags", e.flags)
                .b("payload", &e.payload),
            Err(_) => l,
        });
    }
    let by_type = [(453, relay_streams()), (450, registers()), (100, peers())];
    let typed = by_type
        .into_iter()
        .flat_map(|(t, v)| v.into_iter().map(move |(n, b)| (n, t, b)))
        .chain(int_keyed());
    for (name, t, b) in typed {
        let p = WirePayload::decode(t, &b);
        let again = p.as_ref().ok().map(|p| p.encode().unwrap());
        f.add(
            line("payload", name, &b, p.is_ok()).n("type", t).opt_b("canonical", again.as_deref()),
        );
    }
    for (name, b) in hellos() {
        let h = cbor::from_slice::<Hello>(&b);
        let signed = h.as_ref().ok().map(Hello::signed_bytes);
        f.add(line("hello", name, &b, h.is_ok()).opt_b("signed", signed.as_deref()));
    }
    for (name, b) in manifests() {
        let m = cbor::from_slice::<ManifestV1>(&b);
        let mid = m.as_ref().ok().map(|m| m.manifest_id().unwrap().0);
        f.add(
            line("manifest", name, &b, m.is_ok())
                .opt_b("manifest_id", mid.as_ref().map(|x| &x[..])),
        );
    }
    let head = map(&[
        (text("share_id"), bytes(&id("s"))),
        (text("latest_seq"), uint(1)),
        (text("latest_manifest_id"), bytes(&id("m"))),
        (text("updated_at"), uint(2)),
        (text("sig"), bytes(&[1; 64])),
    ]);
    f.add(line(
        "share_head",
        "share_head_bytes",
        &head,
        cbor::from_slice::<ShareHead>(&head).is_ok(),
    ));
    let ann = cbor::to_vec(&value::announcements()[0].1).unwrap();
    let lower = replace(&ann, b"Medium", b"medium");
    f.add(line(
        "relay_announcement",
        "announcement_lower_case_class",
        &lower,
        cbor::from_slice::<RelayAnnouncement>(&lower).is_ok(),
    ));
    f
}

fn replace(b: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = b.windows(from.len()).position(|w| w == from).unwrap();
    [&b[..at], to, &b[at + from.len()..]].concat()
}
