// SPDX-License-Identifier: MPL-2.0
//! The files' format: one vector a line, `kind name hex key=value ...`.
use scp2p_core::wire::WirePayload;
use scp2p_core::{PeerAddr, TransportProtocol};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

pub struct File {
    pub text: String,
}

pub struct Line {
    text: String,
}

pub fn hex_or_dash(b: &[u8]) -> String {
    if b.is_empty() { "-".into() } else { hex::encode(b) }
}

impl File {
    pub fn new(about: &str) -> Self {
        Self::of("0.3.2", about)
    }
    pub fn of(version: &str, about: &str) -> Self {
        let made = format!("Made by generator/ from scp2p-core {version}; do not edit.");
        Self { text: format!("# {about}\n# {made}\n") }
    }
    pub fn add(&mut self, l: Line) {
        self.text.push_str(&l.text);
        self.text.push('\n');
    }
}

impl Line {
    pub fn new(kind: &str, name: &str, bytes: &[u8]) -> Self {
        assert!(!name.contains(' '));
        Self { text: format!("{kind} {name} {}", hex_or_dash(bytes)) }
    }
    fn put(mut self, k: &str, v: &str) -> Self {
        write!(self.text, " {k}={v}").unwrap();
        self
    }
    pub fn n(self, k: &str, v: impl Into<i128>) -> Self {
        let v = v.into().to_string();
        self.put(k, &v)
    }
    pub fn flag(self, k: &str, v: bool) -> Self {
        self.put(k, if v { "true" } else { "false" })
    }
    pub fn b(self, k: &str, v: &[u8]) -> Self {
        self.put(k, &hex_or_dash(v))
    }
    pub fn opt_b(self, k: &str, v: Option<&[u8]>) -> Self {
        match v {
            Some(v) => self.b(k, v),
            None => self.put(k, "null"),
        }
    }
    pub fn opt_n(self, k: &str, v: Option<u64>) -> Self {
        match v {
            Some(v) => self.n(k, v),
            None => self.put(k, "null"),
        }
    }
    pub fn opt_t(self, k: &str, v: Option<&str>) -> Self {
        self.opt_b(k, v.map(str::as_bytes))
    }
    pub fn word(self, k: &str, v: &str) -> Self {
        assert!(!v.contains(' '));
        self.put(k, v)
    }
    /// A list: its length under `k`, its elements under `k0`, `k1`, ...
    pub fn list(self, k: &str, v: &[Vec<u8>]) -> Self {
        let mut l = self.n(k, v.len() as u64);
        for (i, x) in v.iter().enumerate() {
            l = l.b(&format!("{k}{i}"), x);
        }
        l
    }
    pub fn peers(self, k: &str, v: &[PeerAddr]) -> Self {
        let v: Vec<_> = v.iter().map(|p| scp2p_core::cbor::to_vec(p).unwrap()).collect();
        self.list(k, &v)
    }
    fn hop(self, p: &str, a: &PeerAddr) -> Self {
        let ip = match a.ip {
            std::net::IpAddr::V4(x) => x.octets().to_vec(),
            std::net::IpAddr::V6(x) => x.octets().to_vec(),
        };
        let transport = match a.transport {
            TransportProtocol::Tcp => "tcp",
            TransportProtocol::Quic => "quic",
        };
        self.b(&format!("{p}ip"), &ip)
            .n(&format!("{p}port"), a.port)
            .word(&format!("{p}transport"), transport)
            .opt_b(&format!("{p}hint"), a.pubkey_hint.as_ref().map(|x| &x[..]))
    }
    pub fn peer(self, a: &PeerAddr) -> Self {
        let l = self.hop("", a);
        match &a.relay_via {
            None => l.word("via", "null"),
            Some(r) => l.word("via", "true").hop("via_", &r.relay_addr).n("via_slot", r.slot_id),
        }
    }
    pub fn caps(self, c: &scp2p_core::Capabilities) -> Self {
        self.flag("dht", c.dht)
            .flag("store", c.store)
            .flag("relay", c.relay)
            .flag("content_seed", c.content_seed)
            .flag("mobile_light", c.mobile_light)
    }
}

/// 32 bytes that look random and never change.
pub fn id(label: &str) -> [u8; 32] {
    Sha256::digest(label.as_bytes()).into()
}

pub fn payload(name: &str, p: &WirePayload) -> Line {
    let bytes = p.encode().unwrap();
    let again = WirePayload::decode(u16::from(p.msg_type()), &bytes).unwrap();
    assert_eq!(&again, p, "{name} does not survive the crate's own decoder");
    Line::new("payload", name, &bytes).n("type", u16::from(p.msg_type()))
}

pub fn peer(ip: &str, port: u16, quic: bool, hint: Option<[u8; 32]>) -> PeerAddr {
    let transport = if quic { TransportProtocol::Quic } else { TransportProtocol::Tcp };
    PeerAddr { ip: ip.parse().unwrap(), port, transport, pubkey_hint: hint, relay_via: None }
}

pub fn via(mut p: PeerAddr, relay: PeerAddr, slot_id: u64) -> PeerAddr {
    p.relay_via = Some(scp2p_core::RelayRoute { relay_addr: Box::new(relay), slot_id });
    p
}

pub fn sample_peers() -> Vec<(&'static str, PeerAddr)> {
    let relay4 = peer("203.0.113.9", 7001, false, Some(id("relay")));
    let relay6 = peer("2001:db8::9", 7000, true, None);
    vec![
        ("v4_tcp", peer("192.0.2.1", 7001, false, None)),
        ("v4_quic_hint", peer("198.51.100.255", 65535, true, Some(id("hint")))),
        ("v4_port_0", peer("0.0.0.0", 0, false, Some([0; 32]))),
        ("v6_tcp_hint", peer("2001:db8::1", 23, false, Some([255; 32]))),
        ("v6_quic", peer("fe80::1:2:3:4", 24, true, None)),
        ("v4_mapped_v6", peer("::ffff:192.0.2.7", 256, false, None)),
        ("via_v4", via(peer("127.0.0.1", 1, false, None), relay4.clone(), 42)),
        (
            "via_v6_high_slot",
            via(peer("::1", 255, true, Some(id("hint"))), relay6.clone(), u64::MAX - 1),
        ),
        ("via_via", via(peer("10.0.0.1", 9, false, None), via(relay4, relay6, 1 << 63), 7)),
    ]
}
