// SPDX-License-Identifier: MPL-2.0
//! Every request type: the right answer's shape, an error for a bad payload, the connection kept.
use crate::client::*;
use crate::relay::{Context, with};
use anyhow::{Context as _, Result, ensure};
use scp2p_core::wire::*;
use scp2p_core::{
    K, ShareHead, ShareId, ShareKeypair, cbor, read_envelope, share_head_key, write_envelope,
};

/// The expected answer.
enum Want {
    /// Type, empty payload.
    Empty(u16),
    /// A decodable payload of that type, that satisfies the test.
    Payload(u16, fn(&WirePayload) -> bool),
    FindNode,
    FindValue,
    /// An error of the request's own type that contains the words.
    Error(&'static str),
}
use Want::{Empty, Error, FindValue as ValueFound, Payload};

fn check(q: &Envelope, r: &Envelope, want: &Want) -> Result<()> {
    let text = error_text(r);
    if let Error(words) = want {
        ensure!(r.r#type == q.r#type, "error of type {}", r.r#type);
        ensure!(r.flags == FLAG_RESPONSE | FLAG_ERROR, "error with flags {}", r.flags);
        let text = text.context("not an error")?;
        ensure!(!text.is_empty() && text.contains(words), "text {text:?} lacks {words:?}");
        return Ok(());
    }
    ensure!(text.is_none(), "error {text:?}");
    ensure!(r.flags == FLAG_RESPONSE, "flags {}", r.flags);
    match want {
        Empty(t) => ensure!(r.r#type == *t && r.payload.is_empty(), "type {}", r.r#type),
        Payload(t, holds) => {
            ensure!(r.r#type == *t, "type {}", r.r#type);
            let p = r.decode_typed()?;
            ensure!(holds(&p), "{p:?}");
        }
        Want::FindNode => {
            ensure!(r.r#type == 200, "type {}", r.r#type);
            let found: FindNodeResult = cbor::from_slice(&r.payload)?;
            ensure!(found.peers.len() <= K);
        }
        ValueFound => {
            ensure!(r.r#type == 201, "type {}", r.r#type);
            let found: FindValueResult = cbor::from_slice(&r.payload)?;
            ensure!(found.closer_peers.len() <= K);
        }
        Error(_) => {}
    }
    Ok(())
}

fn community() -> ([u8; 32], [u8; 32]) {
    let key = new_key().verifying_key();
    (ShareId::from_pubkey(&key).0, key.to_bytes())
}

/// A value and its key, as a publisher stores them.
fn stored() -> Result<Store> {
    let share = ShareKeypair::new(new_key());
    let head = ShareHead::new_signed(share.share_id().0, 1, random(), now(), &share)?;
    let key = share_head_key(&share.share_id());
    Ok(Store { key, value: cbor::to_vec(&head)?, ttl_secs: 86_400 })
}

fn requests() -> Result<Vec<(WirePayload, Want)>> {
    use WirePayload as P;
    let (community_share_id, community_share_pubkey) = community();
    let status = |id| {
        P::GetCommunityStatus(GetCommunityStatus { community_share_id: id, community_share_pubkey })
    };
    let shares = |id| {
        P::ListCommunityPublicShares(ListCommunityPublicShares {
            community_share_id: id,
            community_share_pubkey,
            max_entries: 10,
            requester_node_pubkey: Some(random()),
            requester_membership_proof: None,
        })
    };
    let mut foreign = stored()?;
    foreign.key = random();
    let share_id = random();
    let share_pubkey = random();
    Ok(vec![
        (P::PexOffer(PexOffer { peers: vec![tcp(([192, 0, 2, 1], 7001).into())] }), Empty(100)),
        (P::PexRequest(PexRequest { max_peers: 0 }), Payload(100, |p| matches!(p, P::PexOffer(_)))),
        (
            P::PexRequest(PexRequest { max_peers: 255 }),
            Payload(100, |p| matches!(p, P::PexOffer(m) if m.peers.len() <= 64)),
        ),
        (P::FindNode(FindNode { target_node_id: random() }), Want::FindNode),
        (P::FindValue(FindValue { key: random() }), ValueFound),
        (P::Store(stored()?), Empty(202)),
        (P::Store(foreign), Error("")),
        (P::Store(Store { key: random(), value: vec![1, 2], ttl_secs: 1 }), Error("")),
        (P::GetManifest(GetManifest { manifest_id: random() }), Error("manifest not found")),
        (
            P::ListPublicShares(ListPublicShares { max_entries: 5 }),
            Payload(403, |p| matches!(p, P::PublicShareList(m) if m.shares.is_empty())),
        ),
        (
            status(community_share_id),
            Payload(405, |p| {
                matches!(p, P::CommunityStatus(m)
                    if !m.joined && m.membership_proof.is_none() && m.name.is_none())
            }),
        ),
        (status(random()), Error("")),
        (
            P::RelayRegister(RelayRegister { relay_slot_id: None, tunnel: false }),
            Payload(451, |p| matches!(p, P::RelayRegistered(m) if m.relay_slot_id != 0)),
        ),
        (P::RelayConnect(RelayConnect { relay_slot_id: 3 }), Error("not found")),
        (
            P::RelayListRequest(RelayListRequest { max_count: 64 }),
            Payload(461, |p| matches!(p, P::RelayListResponse(_))),
        ),
        (P::HaveContent(HaveContent { content_id: random() }), Empty(499)),
        (P::GetChunk(GetChunk { content_id: random(), chunk_index: 0 }), Error("chunk not found")),
        (
            P::GetChunkHashes(GetChunkHashes { content_id: random() }),
            Error("chunk hashes not found"),
        ),
        (
            P::ManifestData(ManifestData { manifest_id: random(), bytes: vec![] }),
            Error("unsupported message type"),
        ),
        (P::PublicShareList(PublicShareList { shares: vec![] }), Error("unsupported message type")),
        (
            P::CommunityStatus(CommunityStatus {
                community_share_id,
                joined: true,
                membership_proof: None,
                name: None,
            }),
            Error("unsupported message type"),
        ),
        (
            P::RelayRegistered(RelayRegistered { relay_slot_id: 1, expires_at: 1 }),
            Error("unsupported message type"),
        ),
        (
            P::ChunkHashList(ChunkHashList { content_id: random(), hashes: vec![] }),
            Error("unsupported message type"),
        ),
        (shares(random()), Error("")),
        (
            P::GetCommunityStatus(GetCommunityStatus {
                community_share_id: share_id,
                community_share_pubkey: share_pubkey,
            }),
            Error(""),
        ),
    ])
}

/// The reference lists a community's shares for members only; ours answers with none.
fn community_shares() -> (WirePayload, Want) {
    let (community_share_id, community_share_pubkey) = community();
    let q = ListCommunityPublicShares {
        community_share_id,
        community_share_pubkey,
        max_entries: 10,
        requester_node_pubkey: None,
        requester_membership_proof: None,
    };
    let none: fn(&WirePayload) -> bool =
        |p| matches!(p, WirePayload::CommunityPublicShareList(m) if m.shares.is_empty());
    (WirePayload::ListCommunityPublicShares(q), Payload(407, none))
}

pub async fn request_table(c: &Context) -> Result<String> {
    let mut all = requests()?;
    if !c.is_reference() {
        all.push(community_shares());
    }
    with(c, &[], async |relay| {
        let mut s = dial(relay.at, &new_key(), None).await?;
        let mut req_id = 0;
        let mut asked = 0;
        for (p, want) in &all {
            let mut q = Envelope::from_typed(req_id, 0, p)?;
            for flags in [0, FLAG_RESPONSE | FLAG_ERROR] {
                (q.req_id, q.flags) = (req_id, flags);
                let t = q.r#type;
                let told = || format!("type {t}, flags {flags}");
                let r = ask(&mut s, &q).await.with_context(told)?;
                check(&q, &r, want).with_context(told)?;
                req_id = req_id.wrapping_add(0x1234_5671);
                asked += 1;
            }
        }
        for number in MsgType::ALL.map(u16::from).into_iter().chain([0, 1, 999, 65_535]) {
            for payload in [vec![], vec![0xff], vec![0xf6], vec![0x9f; 300], vec![0xa1, 0x00]] {
                let q = Envelope { r#type: number, req_id, flags: 0, payload };
                let r =
                    ask(&mut s, &q).await.with_context(|| format!("bad payload of {number}"))?;
                check(&q, &r, &Error("")).with_context(|| format!("bad payload of {number}"))?;
                asked += 1;
            }
        }
        Ok(format!("{asked} requests on one connection"))
    })
    .await
}

/// Requests written without waiting are answered one by one, in order.
pub async fn pipelined(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let mut s = dial(relay.at, &new_key(), None).await?;
        for req_id in 0..20u32 {
            let p = WirePayload::PexRequest(PexRequest { max_peers: 1 });
            write_envelope(&mut s, &Envelope::from_typed(req_id, 0, &p)?).await?;
        }
        for req_id in 0..20u32 {
            let r = tokio::time::timeout(PATIENCE, read_envelope(&mut s)).await??;
            ensure!(r.req_id == req_id && r.r#type == 100, "answer {} at {req_id}", r.req_id);
        }
        Ok(String::new())
    })
    .await
}

/// One key exceeds its rate and is refused; others do not notice, and neither do its requests of
/// another class. PexRequest is of the same.
pub async fn rate_limit(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let mut s = dial(relay.at, &new_key(), None).await?;
        let find = WirePayload::FindValue(FindValue { key: random() });
        let mut passed = 0;
        let text = loop {
            let r = ask_typed(&mut s, passed, &find).await?;
            if let Some(text) = error_text(&r) {
                break text;
            }
            passed += 1;
            ensure!(passed < 2000, "2000 look-ups passed");
        };
        ensure!(text.contains("rate limit"), "{text}");
        ensure!(passed >= 600, "after {passed} already");
        let mut other = dial(relay.at, &new_key(), None).await?;
        ensure!(error_text(&ask_typed(&mut other, 1, &find).await?).is_none(), "another key");
        let pex = WirePayload::PexRequest(PexRequest { max_peers: 1 });
        let text = error_text(&ask_typed(&mut s, 1, &pex).await?).unwrap_or_default();
        ensure!(text.contains("rate limit"), "PexRequest is of another class: {text}");
        let have = WirePayload::HaveContent(HaveContent { content_id: random() });
        ensure!(error_text(&ask_typed(&mut s, 1, &have).await?).is_none(), "another class");
        Ok(format!("after {passed}"))
    })
    .await
}
