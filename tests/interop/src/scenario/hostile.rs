// SPDX-License-Identifier: MPL-2.0
//! What must be refused, and breaks nothing.
use crate::client::*;
use crate::mirror::{Hello, Side};
use crate::peers::{echo_owner, publisher};
use crate::relay::{Context, Relay, with};
use crate::stream::{Raw, Transport};
use anyhow::{Context as _, Result, bail, ensure};
use ciborium::Value;
use ed25519_dalek::SigningKey;
use scp2p_core::wire::*;
use scp2p_core::{cbor, handshake_initiator};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const SOON: Duration = Duration::from_secs(4);
const VECTORS: &str = include_str!("../../../vectors/decode.txt");

/// Envelopes of every odd form as P, each followed by a sound request that the node must answer:
/// whatever the relay lets through, it must not cost the node its tunnel.
pub async fn inner_envelopes(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let p = publisher(relay.at, &c.directory()?, 1000).await?;
        let mut s = dial(relay.at, &new_key(), None).await?;
        let mut forwarded = 0;
        let lines = VECTORS.lines().filter(|l| l.contains(" what=envelope "));
        for (n, line) in lines.enumerate() {
            let words: Vec<&str> = line.split(' ').collect();
            let (verdict, name, firm) = (words[0], words[1], line.contains("may_differ=false"));
            let inner = hex::decode(words[2].trim_matches('-'))?;
            let r = through(&mut s, p.slot, n as u32, &inner).await.context(name.to_string())?;
            match r {
                Relayed::Answer(e) => {
                    ensure!(!firm || verdict == "accept", "{name} was forwarded");
                    ensure!(error_text(&e).is_some(), "{name}: the node answered it");
                    forwarded += 1;
                }
                Relayed::Refused(text) => {
                    ensure!(!firm || verdict == "reject", "{name} was refused: {text}");
                    ensure!(text.contains("bad inner envelope"), "{name}: {text}");
                }
            }
            let find = FindNode { target_node_id: random() };
            let q = Envelope::from_typed(77, 0, &WirePayload::FindNode(find))?;
            let r = through(&mut s, p.slot, 1, &q.encode()?).await.context(name.to_string())?;
            let r = r.answer().with_context(|| format!("after {name}"))?;
            ensure!(r.req_id == 77 && r.r#type == 200 && r.flags == 1, "after {name}");
        }
        ensure!(p.node.active_relay_slot().await.is_some(), "the node lost its tunnel");
        Ok(format!("{forwarded} forwarded"))
    })
    .await
}

enum First {
    /// Sent on the bare TCP connection.
    Tcp(Vec<u8>),
    /// Sent after the transport's handshake; FIN behind it.
    Shaken(Vec<u8>, bool),
}

fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

/// The fields of a sound hello as a CBOR map, to be spoilt.
fn fields(h: &Hello) -> Vec<(Value, Value)> {
    let Value::Map(m) = Value::serialized(h).expect("a hello is a map") else { unreachable!() };
    m
}

fn spoilt(change: impl Fn(&mut Vec<(Value, Value)>)) -> First {
    let mut m = fields(&new_side().hello(None, now(), 1));
    change(&mut m);
    let mut body = vec![];
    ciborium::into_writer(&Value::Map(m), &mut body).expect("a map encodes");
    First::Shaken(frame(&body), false)
}

fn first_messages() -> Vec<(&'static str, First)> {
    let hello = |skew: i64, version| {
        let at = now().saturating_add_signed(skew);
        First::Shaken(frame(&cbor::to_vec(&new_side().hello(None, at, version)).unwrap()), false)
    };
    let whole = frame(&cbor::to_vec(&new_side().hello(None, now(), 1)).unwrap());
    let signature = |f: fn(&mut Vec<u8>)| {
        let mut h = new_side().hello(None, now(), 1);
        f(&mut h.signature);
        First::Shaken(frame(&cbor::to_vec(&h).unwrap()), false)
    };
    let mut other_key = new_side().hello(None, now(), 1);
    other_key.node_pubkey = new_key().verifying_key().to_bytes();
    vec![
        ("garbage instead of TLS", First::Tcp(vec![0x41; 500])),
        ("an HTTP request", First::Tcp(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec())),
        ("a TLS record of 64 KiB", First::Tcp([&[22, 3, 1, 255, 255][..], &[0; 500]].concat())),
        ("garbage in a frame", First::Shaken(frame(&[0xff; 300]), false)),
        ("an empty frame", First::Shaken(frame(&[]), false)),
        ("a frame over 64 KiB", First::Shaken((64 * 1024 + 1u32).to_be_bytes().to_vec(), false)),
        ("a frame of 4 GiB", First::Shaken(vec![0xff; 4], false)),
        ("half a hello", First::Shaken(whole[..whole.len() / 2].to_vec(), true)),
        ("half a length", First::Shaken(vec![0, 0], true)),
        ("nothing", First::Shaken(vec![], true)),
        ("a text as nonce", spoilt(|m| m[2].1 = Value::Text("nonce".into()))),
        ("a short key", spoilt(|m| m[0].1 = Value::Array(vec![Value::from(1); 31]))),
        ("no capabilities", spoilt(|m| drop(m.remove(1)))),
        ("a key twice", spoilt(|m| m.push(m[2].clone()))),
        ("a negative time", spoilt(|m| m[4].1 = Value::from(-1))),
        ("a clock 6 minutes slow", hello(-360, 1)),
        ("a clock 6 minutes fast", hello(360, 1)),
        ("version 0", hello(0, 0)),
        ("version 2", hello(0, 2)),
        ("a false signature", signature(|s| s[7] ^= 1)),
        ("a signature of 63 bytes", signature(|s| s.truncate(63))),
        ("an empty signature", signature(Vec::clear)),
        ("another's key", First::Shaken(frame(&cbor::to_vec(&other_key).unwrap()), false)),
    ]
}

/// Sends it; the relay must close, and may not have said anything inside the transport.
async fn refused(relay: &Relay, first: First) -> Result<()> {
    match first {
        First::Tcp(bytes) => {
            let mut s = tokio::net::TcpStream::connect(relay.at.addr).await?;
            s.write_all(&bytes).await?;
            until_closed(&mut s, SOON).await?;
        }
        First::Shaken(bytes, fin) => {
            let mut s = Raw::open(relay.at, None).await?;
            s.write_all(&bytes).await?;
            s.flush().await?;
            if fin {
                s.shutdown().await?;
            }
            let said = until_closed(&mut s, SOON).await?;
            ensure!(said.is_empty(), "{} bytes were answered", said.len());
        }
    }
    Ok(())
}

/// Hello, answer, ack as told; then whether a request is answered.
async fn shake(
    relay: &Relay,
    side: &Side,
    ack: impl FnOnce(&Hello) -> Vec<u8>,
) -> Result<Option<Envelope>> {
    let mut s = Raw::open(relay.at, None).await?;
    write_frame(&mut s, &cbor::to_vec(&side.hello(None, now(), 1))?).await?;
    let Ok(answer) = tokio::time::timeout(SOON, read_frame(&mut s)).await? else {
        return Ok(None);
    };
    let answer: Hello = cbor::from_slice(&answer)?;
    answer.verify().context("the relay's signature")?;
    ensure!(answer.echoed_nonce == Some(side.nonce), "the relay echoes another nonce");
    ensure!(answer.protocol_version == 1 && answer.node_pubkey == relay.pubkey);
    ensure!(answer.timestamp_unix_secs.abs_diff(now()) < 5, "the relay's clock");
    write_frame(&mut s, &ack(&answer)).await?;
    let q = Envelope::from_typed(5, 0, &WirePayload::PexRequest(PexRequest { max_peers: 0 }))?;
    let _ = write_frame(&mut s, &q.encode()?).await;
    let read = tokio::time::timeout(SOON, read_frame(&mut s)).await.context("not closed")?;
    Ok(read.ok().map(|b| Envelope::decode(&b)).transpose()?)
}

fn sound_ack(side: &Side, answer: &Hello) -> Vec<u8> {
    cbor::to_vec(&side.hello(Some(answer.nonce), now(), 1)).unwrap()
}

async fn acks(relay: &Relay) -> Result<()> {
    let side = new_side();
    let done = shake(relay, &side, |answer| sound_ack(&side, answer)).await?;
    ensure!(done.is_some_and(|r| r.req_id == 5), "a sound handshake by hand fails");
    let again = shake(relay, &side, |answer| sound_ack(&side, answer)).await?;
    ensure!(again.is_none(), "a nonce seen before is served");
    type Spoil = fn(&Side, &Hello) -> Hello;
    let spoilt: [(&str, Spoil); 6] = [
        ("ack without echo", |s, _| s.hello(None, now(), 1)),
        ("ack with another echo", |s, _| s.hello(Some([7; 32]), now(), 1)),
        ("ack of another key", |s, a| {
            Side { seed: random(), caps: s.caps.clone(), nonce: s.nonce, eph_secret: s.eph_secret }
                .hello(Some(a.nonce), now(), 1)
        }),
        ("ack with another nonce", |s, a| {
            Side { seed: s.seed, caps: s.caps.clone(), nonce: random(), eph_secret: s.eph_secret }
                .hello(Some(a.nonce), now(), 1)
        }),
        ("ack of an hour ago", |s, a| s.hello(Some(a.nonce), now() - 3600, 1)),
        ("ack with a false signature", |s, a| {
            let mut h = s.hello(Some(a.nonce), now(), 1);
            h.signature = SigningKey::from_bytes(&s.seed).to_bytes().repeat(2);
            h
        }),
    ];
    for (name, spoil) in spoilt {
        let side = new_side();
        let r = shake(relay, &side, |a| cbor::to_vec(&spoil(&side, a)).unwrap()).await;
        ensure!(r.with_context(|| name.to_string())?.is_none(), "{name}: served");
    }
    Ok(())
}

/// The reasons under which the relay counts them.
const REASONS: [&str; 7] = [
    "hello_oversize",
    "hello_malformed",
    "hello_version",
    "hello_clock",
    "hello_signature",
    "hello_replay",
    "ack_mismatch",
];

pub async fn handshakes(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let mut all = first_messages();
        if c.transport == Transport::Quic {
            // "hostile-datagrams" tests input before the transport's handshake.
            all.retain(|(_, first)| matches!(first, First::Shaken(..)));
        }
        let count = all.len();
        for (name, first) in all {
            refused(relay, first).await.with_context(|| name.to_string())?;
            dial(relay.at, &new_key(), Some(relay.pubkey))
                .await
                .with_context(|| format!("an honest client after {name}"))?;
        }
        acks(relay).await?;
        relay.has_counted(&REASONS).await?;
        if c.transport == Transport::Tls {
            relay.has_counted(&["transport_handshake_failed_total"]).await?;
        }
        let node = echo_owner(relay.at).await?;
        visit(relay.at, node.slot, 10).await?;
        Ok(format!("{count} first messages, 7 later ones"))
    })
    .await
}

/// After the handshake: what is no envelope closes the connection, and only that one.
pub async fn envelopes(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let node = echo_owner(relay.at).await?;
        let big = Envelope { r#type: 500, req_id: 1, flags: 0, payload: vec![0; 1024 * 1024 + 1] };
        let cases = [
            ("garbage", frame(&[0xff; 100])),
            ("an empty frame", frame(&[])),
            ("an array", frame(&[0x84, 1, 2, 3, 0x40])),
            ("a payload over 1 MiB", frame(&big.encode()?)),
            ("a frame over 2 MiB", (2 * 1024 * 1024 + 1u32).to_be_bytes().to_vec()),
            ("a frame of 4 GiB", vec![0xff; 4]),
        ];
        for (name, bytes) in cases {
            let mut s = Raw::open(relay.at, None).await?;
            let caps = scp2p_core::Capabilities::default();
            handshake_initiator(&mut s, &new_key(), caps, random(), None).await?;
            s.write_all(&bytes).await?;
            s.flush().await?;
            let said = until_closed(&mut s, SOON).await.with_context(|| name.to_string())?;
            if let Some(body) = said.get(4..) {
                let r = Envelope::decode(body).with_context(|| format!("answer to {name}"))?;
                if error_text(&r).is_none() {
                    bail!("{name} was answered");
                }
            }
            visit(relay.at, node.slot, 10).await.with_context(|| format!("after {name}"))?;
        }
        relay.has_counted(&["frame_oversize", "envelope_malformed"]).await?;
        Ok(String::new())
    })
    .await
}
