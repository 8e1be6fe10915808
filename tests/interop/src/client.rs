// SPDX-License-Identifier: MPL-2.0
//! Clients: the crate's own, and frames by hand to say what it must not.
use crate::mirror::Side;
use crate::stream::{At, CrateQuic, Transport};
use anyhow::{Context as _, Result, bail, ensure};
use ed25519_dalek::SigningKey;
use rand::RngCore;
use rand::rngs::OsRng;
use scp2p_core::wire::*;
use scp2p_core::*;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub const PATIENCE: Duration = Duration::from_secs(40);

pub fn new_key() -> SigningKey {
    SigningKey::generate(&mut OsRng)
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut b = [0; N];
    OsRng.fill_bytes(&mut b);
    b
}

pub fn tcp(a: SocketAddr) -> PeerAddr {
    At::tls(a).peer()
}

/// The crate's connector, as its command line client has it; `detour` stands for every address.
#[derive(Clone)]
pub struct Dial {
    pub key: SigningKey,
    pub detour: Option<At>,
}

#[async_trait::async_trait]
impl PeerConnector for Dial {
    async fn connect(&self, peer: &PeerAddr) -> Result<BoxedStream> {
        dial(self.detour.unwrap_or(peer.into()), &self.key, peer.pubkey_hint).await
    }
}

/// A session of the crate's own, over the transport asked for.
pub async fn session(
    a: At,
    key: &SigningKey,
    caps: Capabilities,
    pin: Option<[u8; 32]>,
) -> Result<(BoxedStream, AuthenticatedSession)> {
    Ok(match a.transport {
        Transport::Tls => {
            let (s, session) = tls_connect_session_insecure(a.addr, key, caps, pin).await?;
            (Box::new(s), session)
        }
        Transport::Quic => {
            let s = quic_connect_bi_session_insecure(a.addr, key, caps, pin).await?;
            let session = s.session.clone();
            (Box::new(CrateQuic(s)), session)
        }
    })
}

pub async fn dial(a: At, key: &SigningKey, pin: Option<[u8; 32]>) -> Result<BoxedStream> {
    let dialled = session(a, key, Capabilities::default(), pin);
    Ok(tokio::time::timeout(PATIENCE, dialled).await.context("dialling hung")??.0)
}

/// One request, whatever is answered; checks that it is an answer to this request.
pub async fn ask(s: &mut BoxedStream, q: &Envelope) -> Result<Envelope> {
    let answered = tokio::time::timeout(PATIENCE, async {
        write_envelope(s, q).await.context("writing a request")?;
        read_envelope(s).await.context("reading an answer")
    });
    let r = answered.await.context("no answer in time")??;
    ensure!(r.req_id == q.req_id, "answer to request {} instead of {}", r.req_id, q.req_id);
    ensure!(r.flags & FLAG_RESPONSE != 0, "answer with flags {}", r.flags);
    Ok(r)
}

pub async fn ask_typed(s: &mut BoxedStream, req_id: u32, p: &WirePayload) -> Result<Envelope> {
    ask(s, &Envelope::from_typed(req_id, 0, p)?).await
}

/// The error text an answer carries, or none.
pub fn error_text(r: &Envelope) -> Option<String> {
    (r.flags & FLAG_ERROR != 0).then(|| String::from_utf8_lossy(&r.payload).into_owned())
}

pub fn relay_stream(slot: u64, req_id: u32, inner: &[u8]) -> Result<Envelope> {
    let p = RelayStream {
        relay_slot_id: slot,
        stream_id: req_id ^ 5,
        kind: RelayPayloadKind::Content,
        payload: inner.to_vec(),
    };
    Envelope::from_typed(req_id, 0, &WirePayload::RelayStream(p))
}

/// The result of a relayed request: the node's answer, or the relay's own error text.
pub enum Relayed {
    Answer(Envelope),
    Refused(String),
}

impl Relayed {
    pub fn answer(self) -> Result<Envelope> {
        match self {
            Self::Answer(e) => Ok(e),
            Self::Refused(text) => bail!("refused: {text}"),
        }
    }
    pub fn refusal(self) -> Result<String> {
        match self {
            Self::Answer(_) => bail!("answered, not refused"),
            Self::Refused(text) => Ok(text),
        }
    }
}

/// Sends inner bytes through a tunnel; checks the outer answer's shape.
pub async fn through(s: &mut BoxedStream, slot: u64, req_id: u32, inner: &[u8]) -> Result<Relayed> {
    let q = relay_stream(slot, req_id, inner)?;
    let r = ask(s, &q).await?;
    ensure!(r.r#type == 453, "outer answer of type {}", r.r#type);
    if let Some(text) = error_text(&r) {
        ensure!(r.flags == 3 && !text.is_empty(), "error with flags {} text {text:?}", r.flags);
        return Ok(Relayed::Refused(text));
    }
    let WirePayload::RelayStream(m) = r.decode_typed()? else { bail!("no RelayStream") };
    ensure!(m.relay_slot_id == slot, "another slot in the answer");
    ensure!(m.stream_id == req_id ^ 5 && m.kind == RelayPayloadKind::Content, "other head");
    Ok(Relayed::Answer(Envelope::decode(&m.payload).context("inner answer")?))
}

/// A whole visit as today's clients make it: connect, one relayed request of `size` bytes, close.
pub async fn visit(a: At, slot: u64, size: usize) -> Result<Envelope> {
    let mut s = dial(a, &new_key(), None).await?;
    let inner = Envelope { r#type: 500, req_id: 1, flags: 0, payload: vec![0x41; size] };
    through(&mut s, slot, 1, &inner.encode()?).await?.answer()
}

pub async fn write_frame<S: AsyncWrite + Unpin>(s: &mut S, body: &[u8]) -> Result<()> {
    let frame = [&(body.len() as u32).to_be_bytes()[..], body].concat();
    s.write_all(&frame).await?;
    Ok(s.flush().await?)
}

pub async fn read_frame<S: AsyncRead + Unpin>(s: &mut S) -> Result<Vec<u8>> {
    let mut body = vec![0; s.read_u32().await? as usize];
    s.read_exact(&mut body).await?;
    Ok(body)
}

/// Waits until the other side closes (in whatever manner); the bytes that came before.
pub async fn until_closed<S: AsyncRead + Unpin>(s: &mut S, within: Duration) -> Result<Vec<u8>> {
    let mut all = vec![];
    let mut some = [0; 4096];
    let closed = tokio::time::timeout(within, async {
        while let Ok(n @ 1..) = s.read(&mut some).await {
            all.extend_from_slice(&some[..n]);
        }
    });
    closed.await.context("still open")?;
    Ok(all)
}

pub fn new_side() -> Side {
    Side { seed: random(), caps: Capabilities::default(), nonce: random(), eph_secret: random() }
}

pub fn now() -> u64 {
    scp2p_core::transport::now_unix_secs().unwrap_or_default()
}
