// SPDX-License-Identifier: MPL-2.0
//! Envelopes and the payloads of every message type.
use crate::out::{File, Line, id, payload as p, peer, sample_peers};
use crate::value;
use scp2p_core::wire::*;
use scp2p_core::{PublicShareSummary, cbor};

pub fn envelopes() -> File {
    let mut f = File::new("Envelopes (bodies, without the frame length)");
    let mut add = |name: &str, r#type: u16, req_id: u32, flags: u16, payload: Vec<u8>| {
        let e = Envelope { r#type, req_id, flags, payload };
        f.add(
            Line::new("envelope", name, &e.encode().unwrap())
                .n("type", e.r#type)
                .n("req_id", e.req_id)
                .n("flags", e.flags)
                .b("payload", &e.payload),
        );
    };
    add("zeros", 0, 0, 0, vec![]);
    add("small", 23, 23, 1, vec![0x41]);
    add("one_byte_heads", 200, 24, 3, vec![0; 23]);
    add("two_byte_heads", 500, 256, 0, (0..=255).collect());
    add("biggest_heads", 65535, u32::MAX, 65535, vec![0x5a; 24]);
    add("payload_255", 453, 255, 0, vec![1; 255]);
    add("payload_65536", 453, 65536, 0, vec![2; 65536]);
    add("error_answer", 453, 7, FLAG_RESPONSE | FLAG_ERROR, b"relay slot not found".to_vec());
    f
}

pub fn payloads() -> File {
    let mut f = File::new("Envelope payloads of every message type");
    let peers: Vec<_> = sample_peers().into_iter().map(|x| x.1).collect();
    for (name, list) in [
        ("pex_offer_none", &peers[..0]),
        ("pex_offer_one", &peers[..1]),
        ("pex_offer_all", &peers[..]),
    ] {
        f.add(
            p(name, &WirePayload::PexOffer(PexOffer { peers: list.to_vec() })).peers("peers", list),
        );
    }
    for max_peers in [0, 23, 24, 255] {
        f.add(
            p(
                &format!("pex_request_{max_peers}"),
                &WirePayload::PexRequest(PexRequest { max_peers }),
            )
            .n("max_peers", max_peers),
        );
    }
    for (name, t) in [("find_node", id("node")), ("find_node_zero", [0; 32])] {
        let target_node_id: [u8; 20] = t[..20].try_into().unwrap();
        f.add(
            p(name, &WirePayload::FindNode(FindNode { target_node_id }))
                .b("target", &target_node_id),
        );
    }
    f.add(
        p("find_value", &WirePayload::FindValue(FindValue { key: id("key") })).b("key", &id("key")),
    );
    for (name, value, ttl_secs) in [
        ("store_empty", vec![], 0u64),
        ("store_small", vec![1, 2, 3], 86400),
        ("store_big", vec![0xee; 300], i64::MAX as u64),
    ] {
        let s = Store { key: id("key"), value, ttl_secs };
        f.add(
            p(name, &WirePayload::Store(s.clone()))
                .b("key", &s.key)
                .b("value", &s.value)
                .n("ttl_secs", s.ttl_secs),
        );
    }
    manifests_and_shares(&mut f);
    relay(&mut f);
    content(&mut f);
    answers(&mut f, &peers);
    f
}

fn manifests_and_shares(f: &mut File) {
    let manifest_id = id("manifest");
    f.add(
        p("get_manifest", &WirePayload::GetManifest(GetManifest { manifest_id }))
            .b("manifest_id", &manifest_id),
    );
    for (name, bytes) in [("manifest_data_empty", vec![]), ("manifest_data", vec![0xa0; 300])] {
        f.add(
            p(name, &WirePayload::ManifestData(ManifestData { manifest_id, bytes: bytes.clone() }))
                .b("manifest_id", &manifest_id)
                .b("bytes", &bytes),
        );
    }
    for max_entries in [0, 100, 65535] {
        f.add(
            p(
                &format!("list_public_shares_{max_entries}"),
                &WirePayload::ListPublicShares(ListPublicShares { max_entries }),
            )
            .n("max_entries", max_entries),
        );
    }
    let share = PublicShareSummary {
        share_id: id("share"),
        share_pubkey: id("share key"),
        latest_seq: 7,
        latest_manifest_id: manifest_id,
        title: Some("t\u{e9}".into()),
        description: None,
    };
    f.add(
        p(
            "public_share_list_none",
            &WirePayload::PublicShareList(PublicShareList { shares: vec![] }),
        )
        .n("shares", 0),
    );
    f.add(
        p(
            "public_share_list_one",
            &WirePayload::PublicShareList(PublicShareList { shares: vec![share.clone()] }),
        )
        .n("shares", 1),
    );
    let pubkey = id("community key");
    let good = scp2p_core::ShareId::from_pubkey_bytes(&pubkey).0;
    for (name, community_share_id) in
        [("get_community_status", good), ("get_community_status_wrong_id", id("community"))]
    {
        let m = GetCommunityStatus { community_share_id, community_share_pubkey: pubkey };
        f.add(
            p(name, &WirePayload::GetCommunityStatus(m))
                .b("community_share_id", &community_share_id)
                .b("community_share_pubkey", &pubkey),
        );
    }
    for (name, joined, proof, who) in [
        ("community_status_not_joined", false, None, None),
        ("community_status_joined", true, Some(vec![9; 30]), Some("name".to_string())),
    ] {
        let m = CommunityStatus {
            community_share_id: good,
            joined,
            membership_proof: proof.clone(),
            name: who.clone(),
        };
        f.add(
            p(name, &WirePayload::CommunityStatus(m))
                .b("community_share_id", &good)
                .flag("joined", joined)
                .opt_b("membership_proof", proof.as_deref())
                .opt_t("name", who.as_deref()),
        );
    }
    for (name, key, proof) in [
        ("list_community_public_shares", None, None),
        ("list_community_public_shares_key", Some(id("requester")), None),
        ("list_community_public_shares_proof", Some(id("requester")), Some(vec![0u8, 23, 24, 255])),
    ] {
        let m = ListCommunityPublicShares {
            community_share_id: good,
            community_share_pubkey: pubkey,
            max_entries: 300,
            requester_node_pubkey: key,
            requester_membership_proof: proof.clone(),
        };
        let l = p(name, &WirePayload::ListCommunityPublicShares(m))
            .b("community_share_id", &good)
            .b("community_share_pubkey", &pubkey);
        f.add(
            l.n("max_entries", 300)
                .opt_b("requester_node_pubkey", key.as_ref().map(|x| &x[..]))
                .opt_b("requester_membership_proof", proof.as_deref()),
        );
    }
    for (name, shares) in [
        ("community_public_share_list_none", vec![]),
        ("community_public_share_list_one", vec![share]),
    ] {
        let n = shares.len() as u64;
        let m = CommunityPublicShareList { community_share_id: good, shares };
        f.add(
            p(name, &WirePayload::CommunityPublicShareList(m))
                .b("community_share_id", &good)
                .n("shares", n),
        );
    }
}

fn relay(f: &mut File) {
    for (name, relay_slot_id, tunnel) in [
        ("relay_register_tunnel", None, true),
        ("relay_register_temporary", None, false),
        ("relay_register_renew", Some(1000), false),
        ("relay_register_tunnel_high_slot", Some(u64::MAX), true),
    ] {
        let m = RelayRegister { relay_slot_id, tunnel };
        f.add(
            p(name, &WirePayload::RelayRegister(m))
                .opt_n("relay_slot_id", relay_slot_id)
                .flag("tunnel", tunnel),
        );
    }
    for (name, relay_slot_id, expires_at) in [
        ("relay_registered", 1, 1_700_000_600),
        ("relay_registered_high_slot", (1 << 63) + 5, u64::MAX),
    ] {
        f.add(
            p(name, &WirePayload::RelayRegistered(RelayRegistered { relay_slot_id, expires_at }))
                .n("relay_slot_id", relay_slot_id)
                .n("expires_at", expires_at),
        );
    }
    for (name, relay_slot_id) in [("relay_connect", 77), ("relay_connect_high_slot", u64::MAX)] {
        f.add(
            p(name, &WirePayload::RelayConnect(RelayConnect { relay_slot_id }))
                .n("relay_slot_id", relay_slot_id),
        );
    }
    let inner =
        Envelope { r#type: 500, req_id: 3, flags: 0, payload: vec![0x41; 40] }.encode().unwrap();
    for (name, slot, stream_id, kind, payload) in [
        ("relay_stream_content", 42, 0, RelayPayloadKind::Content, inner),
        ("relay_stream_control_empty", 24, 7, RelayPayloadKind::Control, vec![]),
        (
            "relay_stream_longest_head",
            u64::MAX,
            u32::MAX,
            RelayPayloadKind::Content,
            vec![3; 65536],
        ),
    ] {
        let m = RelayStream { relay_slot_id: slot, stream_id, kind, payload: payload.clone() };
        let word = if kind == RelayPayloadKind::Content { "content" } else { "control" };
        f.add(
            p(name, &WirePayload::RelayStream(m))
                .n("relay_slot_id", slot)
                .n("stream_id", stream_id)
                .word("relay_kind", word)
                .b("payload", &payload),
        );
    }
    for max_count in [0, 64, 65535] {
        f.add(
            p(
                &format!("relay_list_request_{max_count}"),
                &WirePayload::RelayListRequest(RelayListRequest { max_count }),
            )
            .n("max_count", max_count),
        );
    }
    let all: Vec<_> = value::announcements().into_iter().map(|x| x.1).collect();
    for (name, list) in
        [("relay_list_response_none", &all[..0]), ("relay_list_response_two", &all[..2])]
    {
        let bytes: Vec<_> = list.iter().map(|a| cbor::to_vec(a).unwrap()).collect();
        f.add(
            p(
                name,
                &WirePayload::RelayListResponse(RelayListResponse { announcements: list.to_vec() }),
            )
            .list("announcements", &bytes),
        );
    }
}

fn content(f: &mut File) {
    let content_id = id("content");
    let list = [peer("192.0.2.1", 7001, false, None)];
    let m = Providers { content_id, providers: list.to_vec(), updated_at: 1_700_000_000 };
    f.add(
        p("providers", &WirePayload::Providers(m))
            .b("content_id", &content_id)
            .peers("providers", &list)
            .n("updated_at", 1_700_000_000),
    );
    f.add(
        p("have_content", &WirePayload::HaveContent(HaveContent { content_id }))
            .b("content_id", &content_id),
    );
    for chunk_index in [0, 24, u32::MAX] {
        let l = p(
            &format!("get_chunk_{chunk_index}"),
            &WirePayload::GetChunk(GetChunk { content_id, chunk_index }),
        );
        f.add(l.b("content_id", &content_id).n("chunk_index", chunk_index));
    }
    let bytes = vec![0x33; 1000];
    let m = ChunkData { content_id, chunk_index: 5, bytes: bytes.clone() };
    f.add(
        p("chunk_data", &WirePayload::ChunkData(m))
            .b("content_id", &content_id)
            .n("chunk_index", 5)
            .b("bytes", &bytes),
    );
    f.add(
        p("get_chunk_hashes", &WirePayload::GetChunkHashes(GetChunkHashes { content_id }))
            .b("content_id", &content_id),
    );
    for (name, hashes) in
        [("chunk_hash_list_none", vec![]), ("chunk_hash_list_two", vec![id("a"), id("b")])]
    {
        let l: Vec<_> = hashes.iter().map(|x| x.to_vec()).collect();
        f.add(
            p(name, &WirePayload::ChunkHashList(ChunkHashList { content_id, hashes }))
                .b("content_id", &content_id)
                .list("hashes", &l),
        );
    }
}

fn answers(f: &mut File, peers: &[scp2p_core::PeerAddr]) {
    for (name, list) in [("find_node_result_none", &peers[..0]), ("find_node_result_all", peers)] {
        let bytes = cbor::to_vec(&FindNodeResult { peers: list.to_vec() }).unwrap();
        f.add(Line::new("answer", name, &bytes).n("type", 200).peers("peers", list));
    }
    let s = Store { key: id("key"), value: vec![7; 30], ttl_secs: 86399 };
    for (name, value, list) in [
        ("find_value_result_none", None, &peers[..0]),
        ("find_value_result_peers", None, &peers[..2]),
        ("find_value_result_value", Some(s.clone()), &peers[..0]),
        ("find_value_result_both", Some(s), &peers[..3]),
    ] {
        let bytes =
            cbor::to_vec(&FindValueResult { value: value.clone(), closer_peers: list.to_vec() })
                .unwrap();
        let l = Line::new("answer", name, &bytes).n("type", 201);
        let l = match &value {
            None => l.word("value", "null"),
            Some(s) => l.b("value", &s.value).b("key", &s.key).n("ttl_secs", s.ttl_secs),
        };
        f.add(l.peers("peers", list));
    }
}
