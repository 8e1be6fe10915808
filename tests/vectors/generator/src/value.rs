// SPDX-License-Identifier: MPL-2.0
//! Values of the DHT, the keys they lie under, and the ids made from keys and manifests.
use crate::out::{File, Line, id, peer, sample_peers};
use ed25519_dalek::SigningKey;
use scp2p_core::relay::{relay_rendezvous_index, relay_rendezvous_key};
use scp2p_core::wire::{CommunityMembers, Providers};
use scp2p_core::*;

/// The manifest of the protocol's fixed vectors, signed.
fn catalog(share: &ShareKeypair) -> ManifestV1 {
    let mut m = ManifestV1 {
        version: 1,
        share_pubkey: share.verifying_key().to_bytes(),
        share_id: share.share_id().0,
        seq: 7,
        created_at: 1_700_000_000,
        expires_at: Some(1_700_086_400),
        title: Some("Conformance Catalog".into()),
        description: Some("fixed vectors".into()),
        visibility: ShareVisibility::Private,
        communities: vec![],
        items: vec![ItemV1 {
            content_id: [7; 32],
            size: 1234,
            name: "sample.bin".into(),
            path: None,
            mime: Some("application/octet-stream".into()),
            tags: vec!["sample".into(), "vector".into()],
            chunk_count: 2,
            chunk_list_hash: compute_chunk_list_hash(&[[8; 32], [9; 32]]),
        }],
        recommended_shares: vec![[3; 32]],
        signature: None,
    };
    m.sign(share).unwrap();
    m
}

pub fn share() -> ShareKeypair {
    ShareKeypair::new(SigningKey::from_bytes(&std::array::from_fn(|i| i as u8)))
}

pub fn manifests() -> Vec<(&'static str, ManifestV1)> {
    let share = share();
    let full = catalog(&share);
    let mut unsigned = full.clone();
    unsigned.signature = None;
    let mut bare = full.clone();
    (bare.seq, bare.expires_at, bare.title, bare.description) = (0, None, None, None);
    (bare.items, bare.recommended_shares) = (vec![], vec![]);
    bare.sign(&share).unwrap();
    let mut rich = full.clone();
    (rich.seq, rich.created_at, rich.expires_at) = (u64::MAX, 1 << 33, Some(1 << 34));
    rich.title = Some("\u{2603} snow".into());
    rich.visibility = ShareVisibility::Public;
    rich.communities = vec![id("community"), [255; 32]];
    let mut deep = rich.items[0].clone();
    (deep.path, deep.mime, deep.tags) = (Some("sub/dir/file.txt".into()), None, vec![]);
    (deep.size, deep.chunk_count) = (u64::MAX, u32::MAX);
    let mut empty = deep.clone();
    (empty.name, empty.path, empty.size, empty.chunk_count) = ("".into(), Some("".into()), 0, 0);
    rich.items.extend([deep, empty]);
    rich.recommended_shares = vec![];
    rich.sign(&share).unwrap();
    let mut forged = full.clone();
    forged.seq += 1;
    vec![
        ("catalog", full),
        ("catalog_unsigned", unsigned),
        ("bare", bare),
        ("rich", rich),
        ("catalog_false_signature", forged),
    ]
}

pub fn announcements() -> Vec<(&'static str, RelayAnnouncement)> {
    let key = SigningKey::from_bytes(&id("relay seed"));
    let at = 1_700_000_000;
    let tcp = peer("203.0.113.9", 7001, false, None);
    let caps = Capabilities { relay: true, ..Capabilities::default() };
    let make = |addrs: Vec<PeerAddr>, class, max_tunnels, bytes, issued, ttl| {
        let capacity =
            RelayCapacity { max_tunnels, bandwidth_class: class, max_bytes_per_tunnel: bytes };
        RelayAnnouncement::new_signed(&key, addrs, caps.clone(), capacity, issued, ttl).unwrap()
    };
    let both = vec![tcp.clone(), peer("2001:db8::9", 7000, true, None)];
    let mut long = make(vec![tcp.clone()], BandwidthClass::Medium, 64, None, at, 21600);
    long.expires_at += 1;
    let mut forged = make(vec![tcp.clone()], BandwidthClass::Medium, 64, None, at, 21600);
    forged.signature[0] ^= 1;
    vec![
        ("medium", make(vec![tcp.clone()], BandwidthClass::Medium, 64, None, at, 21600)),
        (
            "high_two_addresses",
            make(both, BandwidthClass::High, 65535, Some(1 << 40), at + 3599, 60),
        ),
        (
            "low_end_of_bucket",
            make(vec![tcp], BandwidthClass::Low, 0, Some(0), at / 3600 * 3600 + 3599, 1),
        ),
        ("too_long", long),
        ("false_signature", forged),
    ]
}

fn manifest_line(name: &str, m: &ManifestV1) -> Line {
    let mid = m.manifest_id().unwrap();
    let sig = m.signature.as_ref().map(|x| &x[..]);
    let l = Line::new("manifest", name, &cbor::to_vec(m).unwrap())
        .b("key", &manifest_loc_key(&mid))
        .b("manifest_id", &mid.0)
        .n("seq", m.seq)
        .b("share_pubkey", &m.share_pubkey)
        .b("share_id", &m.share_id)
        .opt_b("signature", sig)
        .b("signed", &m.unsigned_bytes().unwrap());
    l.n("items", m.items.len() as u64).flag("signature_valid", m.verify_at(m.created_at).is_ok())
}

pub fn values() -> File {
    let mut f = File::new("DHT values with the keys they are stored under");
    let share = share();
    let public = share.verifying_key().to_bytes();
    let catalog = catalog(&share);
    let mid = catalog.manifest_id().unwrap().0;
    let sid = share.share_id();
    let mut forged = ShareHead::new_signed(sid.0, 7, mid, 1_700_000_010, &share).unwrap();
    forged.updated_at += 1;
    let mut short = forged.clone();
    short.sig.truncate(63);
    let heads = [
        ("catalog", ShareHead::new_signed(sid.0, 7, mid, 1_700_000_010, &share).unwrap()),
        ("biggest", ShareHead::new_signed(sid.0, u64::MAX, [255; 32], u64::MAX, &share).unwrap()),
        ("zero", ShareHead::new_signed(sid.0, 0, [0; 32], 0, &share).unwrap()),
        ("false_signature", forged),
        ("short_signature", short),
    ];
    for (name, h) in heads {
        let ok = h.verify_with_pubkey(public).is_ok();
        let l = Line::new("share_head", name, &cbor::to_vec(&h).unwrap())
            .b("key", &share_head_key(&ShareId(h.share_id)));
        let l = l
            .b("share_id", &h.share_id)
            .n("latest_seq", h.latest_seq)
            .b("latest_manifest_id", &h.latest_manifest_id);
        let l = l
            .n("updated_at", h.updated_at)
            .b("sig", &h.sig)
            .b("signed", &h.signable_bytes().unwrap());
        f.add(l.b("share_pubkey", &public).flag("signature_valid", ok));
    }
    for (name, m) in manifests() {
        f.add(manifest_line(name, &m));
    }
    let peers: Vec<_> = sample_peers().into_iter().map(|x| x.1).collect();
    for (name, list) in [("none", &peers[..0]), ("one", &peers[..1]), ("all", &peers[..])] {
        let v = Providers {
            content_id: id("content"),
            providers: list.to_vec(),
            updated_at: 1_700_000_000,
        };
        let l = Line::new("providers", name, &cbor::to_vec(&v).unwrap())
            .b("key", &content_provider_key(&v.content_id));
        f.add(l.b("content_id", &v.content_id).peers("peers", list).n("updated_at", v.updated_at));
    }
    for (name, list) in [("none", &peers[..0]), ("three", &peers[3..6])] {
        let v = CommunityMembers {
            community_share_id: id("community"),
            members: list.to_vec(),
            updated_at: 1_700_000_001,
        };
        let l = Line::new("community_members", name, &cbor::to_vec(&v).unwrap())
            .b("key", &community_info_key(&ShareId(v.community_share_id)));
        f.add(
            l.b("community_share_id", &v.community_share_id)
                .peers("peers", list)
                .n("updated_at", v.updated_at),
        );
    }
    for (name, a) in announcements() {
        f.add(announcement_line(name, &a));
    }
    f
}

fn announcement_line(name: &str, a: &RelayAnnouncement) -> Line {
    let bucket = a.issued_at / RELAY_RENDEZVOUS_BUCKET_SECS;
    let class = format!("{:?}", a.capacity.bandwidth_class);
    let mut l = Line::new("relay_announcement", name, &cbor::to_vec(a).unwrap())
        .b("relay_pubkey", &a.relay_pubkey)
        .peers("addrs", &a.relay_addrs)
        .caps(&a.capabilities)
        .n("max_tunnels", a.capacity.max_tunnels)
        .word("bandwidth_class", &class)
        .opt_n("max_bytes_per_tunnel", a.capacity.max_bytes_per_tunnel)
        .n("issued_at", a.issued_at)
        .n("expires_at", a.expires_at)
        .b("signature", &a.signature)
        .b("signed", &a.signing_bytes());
    for (when, b) in [("before", bucket - 1), ("now", bucket), ("after", bucket + 1)] {
        for which in [0, 1] {
            l = l.b(
                &format!("key_{when}_{which}"),
                &relay_rendezvous_key(b, relay_rendezvous_index(&a.relay_pubkey, b, which)),
            );
        }
    }
    l.flag("valid", a.verify_signature().is_ok())
}

pub fn keys() -> File {
    let mut f = File::new("Ids and DHT keys");
    let fixed: [u8; 32] =
        hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
            .unwrap()
            .try_into()
            .unwrap();
    for (name, pubkey) in [("fixed", fixed), ("zero", [0; 32]), ("other", id("pubkey"))] {
        let s = ShareId::from_pubkey_bytes(&pubkey);
        f.add(Line::new("share_id", name, &s.0).b("pubkey", &pubkey));
        f.add(
            Line::new("node_id", name, &NodeId::from_pubkey_bytes(&pubkey).0).b("pubkey", &pubkey),
        );
        f.add(Line::new("key_share_head", name, &share_head_key(&s)).b("id", &s.0));
        f.add(Line::new("key_manifest", name, &manifest_loc_key(&ManifestId(s.0))).b("id", &s.0));
        f.add(Line::new("key_providers", name, &content_provider_key(&s.0)).b("id", &s.0));
        f.add(Line::new("key_community", name, &community_info_key(&s)).b("id", &s.0));
    }
    for bucket in [0, 472_222, 472_223, u64::MAX] {
        for slot in [0, 1, 15] {
            f.add(
                Line::new(
                    "key_rendezvous",
                    &format!("{bucket}_{slot}"),
                    &relay_rendezvous_key(bucket, slot),
                )
                .n("bucket", bucket)
                .n("slot", slot as u64),
            );
        }
        for which in [0, 1] {
            let slot = relay_rendezvous_index(&fixed, bucket, which);
            let l = Line::new("rendezvous_slot", &format!("{bucket}_{which}"), &[slot as u8]);
            f.add(l.b("pubkey", &fixed).n("bucket", bucket).n("which", which));
        }
    }
    for (name, seed) in
        [("zero", [0u8; 32]), ("count", std::array::from_fn(|i| i as u8)), ("other", id("seed"))]
    {
        f.add(
            Line::new(
                "ed25519_pubkey",
                name,
                &SigningKey::from_bytes(&seed).verifying_key().to_bytes(),
            )
            .b("seed", &seed),
        );
    }
    f
}
