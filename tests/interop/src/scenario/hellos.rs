// SPDX-License-Identifier: MPL-2.0
//! Hellos of every protocol version and number of capability fields, made by hand: which are
//! answered, and in which dialect.
use crate::client::*;
use crate::mirror::Side;
use crate::relay::{Context, Relay, with};
use crate::stream::Raw;
use anyhow::{Context as _, Result, ensure};
use ciborium::Value;
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use scp2p_core::wire::*;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(4);
const FIELDS: [&str; 8] = [
    "dht",
    "store",
    "relay",
    "content_seed",
    "mobile_light",
    "community_paged_browse",
    "community_search",
    "community_delta_sync",
];
const OLD: &[&str] = FIELDS.split_at(5).0;
const ALL: &[&str] = &FIELDS;
const ONE_NEW: &[&str] =
    &["dht", "store", "relay", "content_seed", "mobile_light", "community_search"];

/// The contents of a hello: its version, the capability fields that it names, and those that its
/// signature covers.
#[derive(Clone, Copy)]
struct Said {
    version: u16,
    sent: &'static [&'static str],
    signed: &'static [&'static str],
}

const fn said(
    version: u16,
    sent: &'static [&'static str],
    signed: &'static [&'static str],
) -> Said {
    Said { version, sent, signed }
}

fn capabilities(names: &[&str]) -> Value {
    Value::Map(names.iter().map(|n| (Value::from(*n), Value::from(*n == "dht"))).collect())
}

fn encoded(v: &Value) -> Vec<u8> {
    let mut out = vec![];
    ciborium::into_writer(v, &mut out).expect("a value encodes");
    out
}

fn hello(side: &Side, said: Said, echoed: Option<[u8; 32]>) -> Result<Vec<u8>> {
    let mirrored = Value::serialized(&side.hello(echoed, now(), said.version))?;
    let mut map = mirrored.into_map().ok().context("a hello is a map")?;
    let mut covered: Vec<Value> = map[..7].iter().map(|(_, v)| v.clone()).collect();
    covered[1] = capabilities(said.signed);
    let signature = SigningKey::from_bytes(&side.seed).sign(&encoded(&Value::Array(covered)));
    map[1].1 = capabilities(said.sent);
    map[7].1 = Value::Bytes(signature.to_bytes().to_vec());
    Ok(encoded(&Value::Map(map)))
}

fn bytes<const N: usize>(v: &Value) -> Result<[u8; N]> {
    let bytes = match v {
        Value::Bytes(b) => b.clone(),
        Value::Array(a) => a
            .iter()
            .map(|x| x.as_integer().and_then(|n| u8::try_from(n).ok()).context("no byte"))
            .collect::<Result<_>>()?,
        _ => vec![],
    };
    bytes.try_into().ok().with_context(|| format!("{N} bytes expected"))
}

/// Checks a ServerHello: its version, the fields it names, and its signature over exactly them.
/// Its nonce.
fn check_answer(body: &[u8], side: &Side, version: u16, fields: usize) -> Result<[u8; 32]> {
    let map: Value = ciborium::from_reader(body)?;
    let map = map.into_map().ok().context("no map")?;
    ensure!(map.len() == 8, "{} keys", map.len());
    let said = map[5].1.as_integer().context("no version")?;
    ensure!(said == version.into(), "version {said:?} instead of {version}");
    let caps = map[1].1.as_map().context("no capabilities")?;
    let names: Vec<&str> = caps.iter().filter_map(|(k, _)| k.as_text()).collect();
    ensure!(names == FIELDS[..fields], "capabilities {names:?}");
    for (name, v) in names.iter().zip(caps) {
        let is_ours = ["dht", "relay"].contains(name) || name.starts_with("community_");
        ensure!(v.1.as_bool() == Some(is_ours), "{name} is {:?}", v.1);
    }
    ensure!(bytes::<32>(&map[3].1)? == side.nonce, "another nonce echoed");
    let covered = encoded(&Value::Array(map[..7].iter().map(|(_, v)| v.clone()).collect()));
    let signature = Signature::from_bytes(&bytes(&map[7].1)?);
    VerifyingKey::from_bytes(&bytes(&map[0].1)?)?
        .verify(&covered, &signature)
        .context("the signature of the relay")?;
    bytes(&map[2].1)
}

/// The whole handshake; `ack` says the third message. True: a request is answered after it.
async fn shake(relay: &Relay, first: Said, answer: (u16, usize), ack: Said) -> Result<bool> {
    let side = new_side();
    let mut s = Raw::open(relay.at, None).await?;
    write_frame(&mut s, &hello(&side, first, None)?).await?;
    let body = tokio::time::timeout(SOON, read_frame(&mut s)).await.context("no ServerHello")?;
    let nonce = check_answer(&body.context("closed")?, &side, answer.0, answer.1)?;
    write_frame(&mut s, &hello(&side, ack, Some(nonce))?).await?;
    let q = Envelope::from_typed(5, 0, &WirePayload::PexRequest(PexRequest { max_peers: 0 }))?;
    let _ = write_frame(&mut s, &q.encode()?).await;
    let read = tokio::time::timeout(SOON, read_frame(&mut s)).await.context("not closed")?;
    Ok(read.ok().map(|b| Envelope::decode(&b)).transpose()?.is_some_and(|r| r.req_id == 5))
}

/// Closed without a ServerHello.
async fn refused(relay: &Relay, first: Said) -> Result<()> {
    let mut s = Raw::open(relay.at, None).await?;
    write_frame(&mut s, &hello(&new_side(), first, None)?).await?;
    let answered = until_closed(&mut s, SOON).await?;
    ensure!(answered.is_empty(), "{} bytes were answered", answered.len());
    Ok(())
}

/// The log is written after the connection is closed.
async fn until_log(relay: &Relay, from: usize, words: &str) -> Result<()> {
    let begun = Instant::now();
    while !relay.log()[from..].contains(words) {
        ensure!(begun.elapsed() < SOON, "the log has no \"{words}\"");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// First messages that are answered, and the version and number of fields of the answer.
const ANSWERED: [(Said, (u16, usize)); 9] = [
    (said(1, OLD, OLD), (1, 5)),
    (said(1, ALL, ALL), (1, 8)),
    (said(1, ONE_NEW, ALL), (1, 8)),
    (said(2, ALL, ALL), (2, 8)),
    (said(2, ONE_NEW, ALL), (2, 8)),
    (said(3, ALL, ALL), (2, 8)),
    (said(3, OLD, ALL), (2, 8)),
    (said(u16::MAX, ALL, ALL), (2, 8)),
    (
        said(
            2,
            &["community_search", "relay", "dht", "store", "content_seed", "mobile_light"],
            ALL,
        ),
        (2, 8),
    ),
];

/// First messages that are refused, and what the log says of them.
const REFUSED: [(Said, &str); 9] = [
    (said(2, OLD, OLD), "version 2 with 5 capability fields"),
    (said(2, OLD, ALL), "version 2 with 5 capability fields"),
    (said(0, OLD, OLD), "version 0 with 5 capability fields"),
    (said(0, ALL, ALL), "version 0 with 8 capability fields"),
    (said(1, OLD, ALL), "hello_signature"),
    (said(1, ALL, OLD), "hello_signature"),
    (said(2, ALL, OLD), "hello_signature"),
    (said(3, OLD, OLD), "hello_signature"),
    (said(2, ALL, ONE_NEW), "hello_signature"),
];

/// Acks that do not belong to the session that was begun.
const OTHER_ACKS: [(Said, (u16, usize), Said); 8] = [
    (said(1, OLD, OLD), (1, 5), said(2, OLD, OLD)),
    (said(1, OLD, OLD), (1, 5), said(1, ALL, ALL)),
    (said(1, ALL, ALL), (1, 8), said(1, OLD, OLD)),
    (said(1, ALL, ALL), (1, 8), said(2, ALL, ALL)),
    (said(2, ALL, ALL), (2, 8), said(1, ALL, ALL)),
    (said(2, ALL, ALL), (2, 8), said(2, OLD, OLD)),
    (said(2, ALL, ALL), (2, 8), said(3, ALL, ALL)),
    (said(3, ALL, ALL), (2, 8), said(3, ALL, ALL)),
];

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sent, signed) = (self.sent.len(), self.signed.len());
        write!(f, "version {} with {sent} fields, {signed} signed", self.version)
    }
}

pub async fn table(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        for (first, answer) in ANSWERED {
            let ack =
                if answer.1 == 5 { said(answer.0, OLD, OLD) } else { said(answer.0, ALL, ALL) };
            let served = shake(relay, first, answer, ack).await.context(first.to_string())?;
            ensure!(served, "{first}: closed after a sound ack");
        }
        for (first, why) in REFUSED {
            let before = relay.log().len();
            refused(relay, first).await.context(first.to_string())?;
            until_log(relay, before, why).await.context(first.to_string())?;
        }
        for (first, answer, ack) in OTHER_ACKS {
            let served = shake(relay, first, answer, ack).await;
            let served = served.with_context(|| format!("{first}, then {ack}"))?;
            ensure!(!served, "{first}, then {ack}: served");
        }
        Ok(format!("{} served", ANSWERED.len()))
    })
    .await
}
