// SPDX-License-Identifier: MPL-2.0
//! Clients: the crate's own, and one that speaks TLS and frames by hand to say what it must not.
use crate::mirror::Side;
use anyhow::{Context as _, Result, bail, ensure};
use ed25519_dalek::SigningKey;
use rand::RngCore;
use rand::rngs::OsRng;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use scp2p_core::wire::*;
use scp2p_core::*;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

pub const PATIENCE: Duration = Duration::from_secs(40);
pub type Tls = tokio_rustls::client::TlsStream<TcpStream>;

pub fn new_key() -> SigningKey {
    SigningKey::generate(&mut OsRng)
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut b = [0; N];
    OsRng.fill_bytes(&mut b);
    b
}

pub fn tcp(a: SocketAddr) -> PeerAddr {
    PeerAddr {
        ip: a.ip(),
        port: a.port(),
        transport: TransportProtocol::Tcp,
        pubkey_hint: None,
        relay_via: None,
    }
}

/// The crate's connector, as its command line client has it; `detour` stands for every address.
#[derive(Clone)]
pub struct Dial {
    pub key: SigningKey,
    pub detour: Option<SocketAddr>,
}

#[async_trait::async_trait]
impl PeerConnector for Dial {
    async fn connect(&self, peer: &PeerAddr) -> Result<BoxedStream> {
        let a = self.detour.unwrap_or(SocketAddr::new(peer.ip, peer.port));
        dial(a, &self.key, peer.pubkey_hint).await
    }
}

pub async fn dial(a: SocketAddr, key: &SigningKey, pin: Option<[u8; 32]>) -> Result<BoxedStream> {
    let dialled = tls_connect_session_insecure(a, key, Capabilities::default(), pin);
    let (s, _) = tokio::time::timeout(PATIENCE, dialled).await.context("dialling hung")??;
    Ok(Box::new(s))
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

/// What came of a relayed request: the node's answer, or the relay's own error text.
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
pub async fn visit(a: SocketAddr, slot: u64, size: usize) -> Result<Envelope> {
    let mut s = dial(a, &new_key(), None).await?;
    let inner = Envelope { r#type: 500, req_id: 1, flags: 0, payload: vec![0x41; size] };
    through(&mut s, slot, 1, &inner.encode()?).await?.answer()
}

#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2".into()))
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS without the SCP2P handshake. `receive` bytes of socket buffer, where given.
pub async fn tls(a: SocketAddr, receive: Option<u32>) -> Result<Tls> {
    let config = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    let socket = TcpSocket::new_v4()?;
    if let Some(n) = receive {
        socket.set_recv_buffer_size(n)?;
    }
    let stream =
        tokio::time::timeout(PATIENCE, socket.connect(a)).await.context("connecting")??;
    stream.set_nodelay(true)?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let shaken = connector.connect(ServerName::try_from("localhost")?, stream);
    Ok(tokio::time::timeout(PATIENCE, shaken).await.context("TLS handshake hung")??)
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
