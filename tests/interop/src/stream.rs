// SPDX-License-Identifier: MPL-2.0
//! The two transports, and a connection by hand over either: without the SCP2P handshake, and with
//! a hold on what the crate's own streams hide.
use crate::client::PATIENCE;
use anyhow::{Context as _, Result, ensure};
use quinn::VarInt;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use scp2p_core::{PeerAddr, QuicClientSession, TransportProtocol};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    Tls,
    Quic,
}

impl Transport {
    pub fn other(self) -> Self {
        if self == Self::Tls { Self::Quic } else { Self::Tls }
    }
    pub fn name(self) -> &'static str {
        if self == Self::Tls { "tls" } else { "quic" }
    }
}

/// The address and transport of a peer.
#[derive(Clone, Copy)]
pub struct At {
    pub addr: SocketAddr,
    pub transport: Transport,
}

impl At {
    pub fn tls(addr: SocketAddr) -> Self {
        Self { addr, transport: Transport::Tls }
    }
    pub fn quic(addr: SocketAddr) -> Self {
        Self { addr, transport: Transport::Quic }
    }
    pub fn peer(&self) -> PeerAddr {
        PeerAddr {
            ip: self.addr.ip(),
            port: self.addr.port(),
            transport: match self.transport {
                Transport::Tls => TransportProtocol::Tcp,
                Transport::Quic => TransportProtocol::Quic,
            },
            pubkey_hint: None,
            relay_via: None,
        }
    }
}

impl From<&PeerAddr> for At {
    fn from(p: &PeerAddr) -> Self {
        let addr = SocketAddr::new(p.ip, p.port);
        if p.transport == TransportProtocol::Quic { Self::quic(addr) } else { Self::tls(addr) }
    }
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

pub fn tls_config() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth()
}

pub type Tls = tokio_rustls::client::TlsStream<TcpStream>;

async fn open_tls(a: SocketAddr, receive: Option<u32>) -> Result<Tls> {
    let socket = TcpSocket::new_v4()?;
    if let Some(n) = receive {
        socket.set_recv_buffer_size(n)?;
    }
    let stream =
        tokio::time::timeout(PATIENCE, socket.connect(a)).await.context("connecting")??;
    stream.set_nodelay(true)?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls_config()));
    let shaken = connector.connect(ServerName::try_from("localhost")?, stream);
    Ok(tokio::time::timeout(PATIENCE, shaken).await.context("TLS handshake hung")??)
}

const ANY_V4: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

/// A quinn connection with quinn's defaults, as the crate has it, and its first stream.
pub struct Quic {
    pub endpoint: quinn::Endpoint,
    pub connection: quinn::Connection,
    send: quinn::SendStream,
    recv: quinn::RecvStream,
}

impl Quic {
    pub async fn open(a: SocketAddr) -> Result<Self> {
        Self::open_with(a, quinn::TransportConfig::default()).await
    }

    pub async fn open_with(a: SocketAddr, transport: quinn::TransportConfig) -> Result<Self> {
        let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls_config())?;
        let mut config = quinn::ClientConfig::new(Arc::new(tls));
        config.transport_config(Arc::new(transport));
        let any = if a.is_ipv6() { SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)) } else { ANY_V4 };
        let mut endpoint = quinn::Endpoint::client(any)?;
        endpoint.set_default_client_config(config);
        let connecting = endpoint.connect(a, "localhost")?;
        let shaken = tokio::time::timeout(PATIENCE, connecting);
        let connection = shaken.await.context("QUIC handshake hung")??;
        let (send, recv) = connection.open_bi().await?;
        Ok(Self { endpoint, connection, send, recv })
    }

    /// Goes on from another port.
    pub fn change_port(endpoint: &quinn::Endpoint) -> Result<()> {
        let before = endpoint.local_addr()?;
        endpoint.rebind(UdpSocket::bind(ANY_V4)?)?;
        ensure!(endpoint.local_addr()? != before, "the same port again");
        Ok(())
    }
}

impl AsyncRead for Quic {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        b: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.recv), cx, b)
    }
}

impl AsyncWrite for Quic {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        b: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.send), cx, b)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.send), cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.send), cx)
    }
}

/// The crate's own QUIC session as one stream; the connection lives as long as it.
pub struct CrateQuic(pub QuicClientSession);

impl AsyncRead for CrateQuic {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        b: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.stream).poll_read(cx, b)
    }
}

impl AsyncWrite for CrateQuic {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        b: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.stream).poll_write(cx, b)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.stream).poll_shutdown(cx)
    }
}

/// A connection without the SCP2P handshake, over either transport.
pub enum Raw {
    Tls(Box<Tls>),
    Quic(Box<Quic>),
}

impl Raw {
    /// `receive` bytes are taken in at most before they are read, where given.
    pub async fn open(a: At, receive: Option<u32>) -> Result<Self> {
        Ok(match a.transport {
            Transport::Tls => Self::Tls(Box::new(open_tls(a.addr, receive).await?)),
            Transport::Quic => {
                let mut transport = quinn::TransportConfig::default();
                if let Some(n) = receive {
                    transport.stream_receive_window(VarInt::from_u32(n));
                }
                Self::Quic(Box::new(Quic::open_with(a.addr, transport).await?))
            }
        })
    }

    /// Ends the connection both ways at once: RST, or CONNECTION_CLOSE.
    pub fn cut(self) -> Result<()> {
        match self {
            Self::Tls(s) => s.get_ref().0.set_zero_linger()?,
            Self::Quic(s) => s.connection.close(VarInt::from_u32(0), b""),
        }
        Ok(())
    }
}

impl AsyncRead for Raw {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        b: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(s) => Pin::new(s).poll_read(cx, b),
            Self::Quic(s) => Pin::new(s).poll_read(cx, b),
        }
    }
}

impl AsyncWrite for Raw {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tls(s) => Pin::new(s).poll_write(cx, b),
            Self::Quic(s) => Pin::new(s).poll_write(cx, b),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(s) => Pin::new(s).poll_flush(cx),
            Self::Quic(s) => Pin::new(s).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(s) => Pin::new(s).poll_shutdown(cx),
            Self::Quic(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
