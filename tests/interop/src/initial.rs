// SPDX-License-Identifier: MPL-2.0
//! First packets of a QUIC client, made and protected by hand: as many different sound ones as
//! wanted, for little, and unsound ones.
use crate::stream::tls_config;
use anyhow::{Context as _, Result, anyhow};
use rustls::Side;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, Keys, Version};
use std::sync::Arc;

pub type Cid = [u8; 8];
pub const V1: u32 = 1;
/// The size of a first datagram in bytes.
pub const DATAGRAM: usize = 1200;
const OURS: Cid = *b"interop!";
const HEAD: usize = 30;
const TAG: usize = 16;
/// Of a CRYPTO frame.
const FRAME_HEAD: usize = 5;

/// A ClientHello as today's clients send it: too long for one datagram.
pub struct Hello(Vec<u8>);

impl Hello {
    pub fn new() -> Result<Self> {
        // initial_source_connection_id, initial_max_data, initial_max_stream_data_bidi_local.
        let mut parameters = vec![0x0f, 8];
        parameters.extend_from_slice(&OURS);
        parameters.extend_from_slice(&[0x04, 4, 0x80, 0x10, 0, 0, 0x05, 4, 0x80, 0x10, 0, 0]);
        let name = ServerName::try_from("localhost")?;
        let config = Arc::new(tls_config());
        let mut client = ClientConnection::new(config, Version::V1, name, parameters)?;
        let mut hello = vec![];
        client.write_hs(&mut hello);
        Ok(Self(hello))
    }

    /// The whole first flight, to a connection id of the client's choice.
    pub fn flight(&self, to: Cid) -> Result<[Vec<u8>; 2]> {
        let first = DATAGRAM - HEAD - TAG - FRAME_HEAD;
        let (a, b) = self.0.split_at(first.min(self.0.len()));
        Ok([
            initial(V1, to, 0, &crypto(0, a), DATAGRAM)?,
            initial(V1, to, 1, &crypto(a.len(), b), DATAGRAM)?,
        ])
    }
}

pub fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![6];
    for n in [offset, bytes.len()] {
        frame.extend_from_slice(&(0x4000 | n as u16).to_be_bytes());
    }
    [frame, bytes.to_vec()].concat()
}

/// An Initial with these frames, padded to `size` bytes.
pub fn initial(version: u32, to: Cid, number: u32, frames: &[u8], size: usize) -> Result<Vec<u8>> {
    let mut head = vec![0xc3];
    head.extend_from_slice(&version.to_be_bytes());
    for cid in [to, OURS] {
        head.push(8);
        head.extend_from_slice(&cid);
    }
    head.push(0);
    let body_len = size - HEAD - TAG;
    head.extend_from_slice(&(0x4000 | (4 + body_len + TAG) as u16).to_be_bytes());
    head.extend_from_slice(&number.to_be_bytes());
    let mut body = frames.to_vec();
    body.resize(body_len, 0);
    let tls13 = TLS13_AES_128_GCM_SHA256.tls13().context("a TLS 1.3 suite")?;
    let suite = tls13.quic_suite().context("a suite for QUIC")?;
    let Keys { local, .. } = suite.keys(&to, Side::Client, Version::V1);
    let tag = local.packet.encrypt_in_place(number.into(), &head, &mut body);
    body.extend_from_slice(tag.map_err(|e| anyhow!("{e}"))?.as_ref());
    let (first, rest) = head.split_at_mut(1);
    let number = &mut rest[HEAD - 5..];
    let hidden = local.header.encrypt_in_place(&body[..16], &mut first[0], number);
    hidden.map_err(|e| anyhow!("{e}"))?;
    Ok([head, body].concat())
}
