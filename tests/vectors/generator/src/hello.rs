// SPDX-License-Identifier: MPL-2.0
//! The handshake. The crate keeps its hello to itself and signs the present time with fresh keys,
//! so it is mirrored here; `prove` runs the crate's own two sides against the mirror first.
use crate::mirror::{Hello, Side};
use crate::out::{File, Line, id};
use anyhow::{Result, bail, ensure};
use ed25519_dalek::SigningKey;
use scp2p_core::{Capabilities, cbor};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

fn session_secret(
    eph_secret: [u8; 32],
    remote: [u8; 32],
    client: &[u8; 32],
    server: &[u8; 32],
) -> [u8; 32] {
    let dh = x25519_dalek::StaticSecret::from(eph_secret).diffie_hellman(&remote.into());
    let ikm = [&dh.as_bytes()[..], client, server].concat();
    blake3::derive_key("scp2p-handshake-session-secret-v1", &ikm)
}

async fn read<C>(io: &mut DuplexStream) -> Result<Hello<C>>
where
    C: Clone + Serialize + DeserializeOwned,
{
    let mut body = vec![0; io.read_u32().await? as usize];
    io.read_exact(&mut body).await?;
    let h: Hello<C> = cbor::from_slice(&body)?;
    ensure!(cbor::to_vec(&h)? == body, "the mirror encodes a hello otherwise than the crate");
    h.verify()?;
    Ok(h)
}

async fn write<C: Clone + Serialize>(io: &mut DuplexStream, h: &Hello<C>) -> Result<()> {
    let body = cbor::to_vec(h)?;
    io.write_u32(body.len() as u32).await?;
    Ok(io.write_all(&body).await?)
}

macro_rules! of_crate {
    ($name:ident, $krate:ident, $version:literal) => {
        pub struct $name;
        impl $name {
            /// Runs the crate both ways against the mirror; fails where they differ.
            pub async fn prove() -> Result<()> {
                let (client, server) = Self::sides();
                let now = $krate::transport::now_unix_secs()?;
                let (mut near, mut far) = tokio::io::duplex(1 << 16);
                let (key, nonce, caps) =
                    (SigningKey::from_bytes(&client.seed), client.nonce, client.caps.clone());
                let pin = SigningKey::from_bytes(&server.seed).verifying_key().to_bytes();
                let crate_side = tokio::spawn(async move {
                    $krate::handshake_initiator(&mut far, &key, caps, nonce, Some(pin)).await
                });
                let hello = read::<$krate::Capabilities>(&mut near).await?;
                ensure!(
                    hello.nonce == client.nonce
                        && hello.echoed_nonce.is_none()
                        && hello.capabilities == client.caps
                );
                write(&mut near, &server.hello(Some(hello.nonce), now, $version)).await?;
                let ack = read::<$krate::Capabilities>(&mut near).await?;
                ensure!(
                    ack.nonce == hello.nonce
                        && ack.echoed_nonce == Some(server.nonce)
                        && ack.ephemeral_pubkey == hello.ephemeral_pubkey
                );
                let session = crate_side.await??;
                ensure!(
                    session.session_secret
                        == session_secret(
                            server.eph_secret,
                            hello.ephemeral_pubkey,
                            &client.nonce,
                            &server.nonce
                        )
                );

                let (mut near, mut far) = tokio::io::duplex(1 << 16);
                let (key, nonce, caps) =
                    (SigningKey::from_bytes(&server.seed), server.nonce, server.caps.clone());
                let crate_side = tokio::spawn(async move {
                    $krate::handshake_responder(&mut far, &key, caps, nonce, None, None).await
                });
                write(&mut near, &client.hello(None, now, $version)).await?;
                let answer = read::<$krate::Capabilities>(&mut near).await?;
                ensure!(answer.echoed_nonce == Some(client.nonce));
                write(&mut near, &client.hello(Some(answer.nonce), now, $version)).await?;
                let session = crate_side.await??;
                ensure!(
                    session.session_secret
                        == session_secret(
                            client.eph_secret,
                            answer.ephemeral_pubkey,
                            &client.nonce,
                            &server.nonce
                        )
                );
                if session.remote_node_pubkey
                    != SigningKey::from_bytes(&client.seed).verifying_key().to_bytes()
                {
                    bail!("the crate saw another key");
                }
                Ok(())
            }

            pub fn sides() -> (Side<$krate::Capabilities>, Side<$krate::Capabilities>) {
                let client = Side {
                    seed: id("client seed"),
                    caps: $krate::Capabilities::default(),
                    nonce: id("client nonce"),
                    eph_secret: id("client ephemeral"),
                };
                let caps = $krate::Capabilities {
                    dht: true,
                    relay: true,
                    ..$krate::Capabilities::default()
                };
                let server = Side {
                    seed: std::array::from_fn(|i| i as u8),
                    caps,
                    nonce: id("server nonce"),
                    eph_secret: id("server ephemeral"),
                };
                (client, server)
            }
        }
    };
}
of_crate!(Crate03, scp2p_core, 1);
of_crate!(Crate06, core06, 2);

fn add(f: &mut File, name: &str, s: &Side, h: &Hello) {
    h.verify().unwrap();
    f.add(
        Line::new("hello", name, &cbor::to_vec(h).unwrap())
            .b("seed", &s.seed)
            .b("node_pubkey", &h.node_pubkey)
            .caps(&h.capabilities)
            .b("nonce", &h.nonce)
            .opt_b("echoed_nonce", h.echoed_nonce.as_ref().map(|x| &x[..]))
            .n("timestamp", h.timestamp_unix_secs)
            .n("version", h.protocol_version)
            .b("eph_secret", &s.eph_secret)
            .b("ephemeral_pubkey", &h.ephemeral_pubkey)
            .b("signature", &h.signature)
            .b("signed", &h.signed_bytes()),
    );
}

pub fn file() -> File {
    let mut f = File::new("Handshake messages (bodies, without the frame length)");
    let (client, server) = Crate03::sides();
    let at = 1_700_000_000;
    add(&mut f, "client_hello", &client, &client.hello(None, at, 1));
    add(&mut f, "server_hello", &server, &server.hello(Some(client.nonce), at + 1, 1));
    add(&mut f, "client_ack", &client, &client.hello(Some(server.nonce), at + 1, 1));
    let all = Capabilities {
        dht: true,
        store: true,
        relay: true,
        content_seed: true,
        mobile_light: true,
    };
    let odd = Side { seed: [255; 32], caps: all, nonce: [0; 32], eph_secret: [0x77; 32] };
    add(&mut f, "all_capabilities_zero_nonce_far_future", &odd, &odd.hello(None, 1 << 33, 1));
    add(&mut f, "time_zero", &odd, &odd.hello(Some([24; 32]), 0, 1));
    add(&mut f, "version_2", &client, &client.hello(None, at, 2));
    add(&mut f, "version_65535", &client, &client.hello(None, at, 65535));
    let s = client.hello(None, at, 1);
    let r = server.hello(Some(client.nonce), at + 1, 1);
    let secret =
        session_secret(client.eph_secret, r.ephemeral_pubkey, &client.nonce, &server.nonce);
    assert_eq!(
        secret,
        session_secret(server.eph_secret, s.ephemeral_pubkey, &client.nonce, &server.nonce)
    );
    f.add(
        Line::new("session_secret", "client_server", &secret)
            .b("client_eph_secret", &client.eph_secret)
            .b("server_eph_secret", &server.eph_secret)
            .b("client_nonce", &client.nonce)
            .b("server_nonce", &server.nonce),
    );
    f
}
