// SPDX-License-Identifier: MPL-2.0
//! Additions of crate 0.6.0: hellos and announcements of 8 capability fields, values with a tag,
//! paged community messages. Signed bytes that the crate does not export are mirrored here. A
//! signature by the crate must verify over each of them.
use crate::hello::Crate06;
use crate::mirror::{Hello, Side};
use crate::out::{File, Line};
use ciborium::Value;
use core06::wire::*;
use core06::*;
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};

const T: u64 = 1_700_000_000;
const DAY: u64 = 86_400;
const TCP: TransportProtocol = TransportProtocol::Tcp;

struct Keys {
    node: SigningKey,
    share: SigningKey,
    community: SigningKey,
    successor: SigningKey,
}

fn keys() -> Keys {
    let seed = |first: u8| SigningKey::from_bytes(&std::array::from_fn(|i| first + i as u8));
    Keys { node: seed(0), share: seed(0x20), community: seed(0x40), successor: seed(0x60) }
}

fn public(key: &SigningKey) -> [u8; 32] {
    key.verifying_key().to_bytes()
}

fn community_id() -> [u8; 32] {
    ShareId::from_pubkey(&keys().community.verifying_key()).0
}

fn verifies(key: &[u8; 32], signed: &[u8], signature: &[u8]) -> bool {
    let key = VerifyingKey::from_bytes(key).unwrap();
    let signature = Signature::from_slice(signature).unwrap();
    key.verify_strict(signed, &signature).is_ok()
}

fn peer(ip: &str, port: u16) -> PeerAddr {
    PeerAddr { ip: ip.parse().unwrap(), port, transport: TCP, pubkey_hint: None, relay_via: None }
}

fn opt_text(t: Option<&str>) -> Option<String> {
    t.map(String::from)
}

// -- member records and tokens --

fn status_word(s: CommunityMemberStatus) -> &'static str {
    match s {
        CommunityMemberStatus::Joined => "joined",
        CommunityMemberStatus::Left => "left",
    }
}

fn token() -> CommunityMembershipToken {
    let k = keys();
    CommunityMembershipToken::issue(&k.community, public(&k.node), T, T + DAY).unwrap()
}

fn members() -> Vec<(&'static str, CommunityMemberRecord)> {
    let make = |seq, status, issued, expires| {
        CommunityMemberRecord::new_signed(
            &keys().node,
            community_id(),
            seq,
            status,
            issued,
            expires,
        )
        .unwrap()
    };
    let joined = make(3, CommunityMemberStatus::Joined, T, T + DAY);
    let left = make(4, CommunityMemberStatus::Left, T + 60, T + 60 + 7 * DAY);
    let mut with_token = joined.clone();
    with_token.auth_token_bytes = Some(cbor::to_vec(&token()).unwrap().into());
    let mut empty_token = joined.clone();
    empty_token.auth_token_bytes = Some(vec![].into());
    let mut forged = joined.clone();
    forged.announce_seq += 1;
    vec![
        ("joined", joined),
        ("left", left),
        ("joined_with_token", with_token),
        ("joined_with_empty_token", empty_token),
        ("biggest", make(u64::MAX, CommunityMemberStatus::Left, u64::MAX, u64::MAX)),
        ("zero", make(0, CommunityMemberStatus::Joined, 0, 0)),
        ("false_signature", forged),
    ]
}

fn member_line(name: &str, r: &CommunityMemberRecord) -> Line {
    let is_joined = r.status == CommunityMemberStatus::Joined;
    let signed = cbor::to_vec(&(
        r.community_id,
        r.member_node_pubkey,
        r.announce_seq,
        is_joined,
        r.issued_at,
        r.expires_at,
    ))
    .unwrap();
    let valid = r.verify_signature().is_ok();
    assert_eq!(valid, verifies(&r.member_node_pubkey, &signed, &r.signature));
    Line::new("member_record", name, &r.encode_tagged().unwrap())
        .b("key", &community_member_key(&r.community_id, &r.member_node_pubkey))
        .b("community_id", &r.community_id)
        .b("member_node_pubkey", &r.member_node_pubkey)
        .n("announce_seq", r.announce_seq)
        .word("status", status_word(r.status))
        .n("issued_at", r.issued_at)
        .n("expires_at", r.expires_at)
        .b("signature", &r.signature)
        .opt_b("auth_token", r.auth_token_bytes.as_ref().map(|x| &x[..]))
        .b("signed", &signed)
        .flag("signature_valid", valid)
}

fn token_line() -> Line {
    let t = token();
    let key = public(&keys().community);
    let signed =
        cbor::to_vec(&(t.community_share_id, t.member_node_pubkey, t.issued_at, t.expires_at))
            .unwrap();
    t.verify(&key, Some(T)).unwrap();
    assert!(verifies(&key, &signed, &t.signature));
    Line::new("membership_token", "token", &cbor::to_vec(&t).unwrap())
        .b("community_share_id", &t.community_share_id)
        .b("member_node_pubkey", &t.member_node_pubkey)
        .n("issued_at", t.issued_at)
        .n("expires_at", t.expires_at)
        .b("signature", &t.signature)
        .b("community_pubkey", &key)
        .b("signed", &signed)
        .flag("signature_valid", true)
}

// -- share records --

fn shares() -> Vec<(&'static str, CommunityShareRecord)> {
    let make = |seq, at, title, description| {
        CommunityShareRecord::new_signed(
            &keys().share,
            community_id(),
            [9; 32],
            seq,
            at,
            opt_text(title),
            opt_text(description),
        )
        .unwrap()
    };
    let full = make(7, T, Some("Title"), Some("About it"));
    let mut forged = full.clone();
    forged.latest_manifest_id = [10; 32];
    let mut other_id = full.clone();
    other_id.share_id[0] ^= 1;
    vec![
        ("full", full),
        ("no_texts", make(7, T, None, None)),
        ("title_only", make(0, 0, Some("\u{2603} snow"), None)),
        ("empty_description", make(u64::MAX, u64::MAX, None, Some(""))),
        ("false_signature", forged),
        ("other_share_id", other_id),
    ]
}

fn share_line(name: &str, r: &CommunityShareRecord) -> Line {
    let signed = cbor::to_vec(&(
        r.community_id,
        r.share_id,
        r.share_pubkey,
        r.latest_manifest_id,
        r.latest_seq,
        r.updated_at,
    ))
    .unwrap();
    let valid = verifies(&r.share_pubkey, &signed, &r.signature);
    Line::new("share_record", name, &r.encode_tagged().unwrap())
        .b("key", &community_share_key(&r.community_id, &r.share_id))
        .b("community_id", &r.community_id)
        .b("share_id", &r.share_id)
        .b("share_pubkey", &r.share_pubkey)
        .b("latest_manifest_id", &r.latest_manifest_id)
        .n("latest_seq", r.latest_seq)
        .n("updated_at", r.updated_at)
        .opt_t("title", r.title.as_deref())
        .opt_t("description", r.description.as_deref())
        .b("signature", &r.signature)
        .b("signed", &signed)
        .flag("signature_valid", valid)
        .flag("valid", r.verify().is_ok())
}

// -- hints and pages --

fn hint(sample: &[PeerAddr], index: &[PeerAddr]) -> CommunityBootstrapHint {
    CommunityBootstrapHint {
        community_id: community_id(),
        member_count_estimate: 2,
        sample_members: sample.to_vec(),
        index_peers: index.to_vec(),
        updated_at: T,
    }
}

fn encoded<X: serde::Serialize>(list: &[X]) -> Vec<Vec<u8>> {
    list.iter().map(|x| cbor::to_vec(x).unwrap()).collect()
}

fn hint_line(name: &str, h: &CommunityBootstrapHint) -> Line {
    Line::new("community_hint", name, &h.encode_tagged().unwrap())
        .b("key", &community_info_key(&ShareId(h.community_id)))
        .b("community_id", &h.community_id)
        .n("member_count_estimate", h.member_count_estimate)
        .list("sample_members", &encoded(&h.sample_members))
        .list("index_peers", &encoded(&h.index_peers))
        .n("updated_at", h.updated_at)
}

fn member_entry(key: [u8; 32], joined: bool, seq: u64) -> CommunityMemberSummary {
    let status = if joined { CommunityMemberStatus::Joined } else { CommunityMemberStatus::Left };
    CommunityMemberSummary { member_node_pubkey: key, status, announce_seq: seq, addr: None }
}

fn share_entry(title: Option<&str>, description: Option<&str>) -> CommunityShareSummary {
    let share = keys().share;
    CommunityShareSummary {
        share_id: ShareId::from_pubkey(&share.verifying_key()).0,
        share_pubkey: public(&share),
        latest_seq: 7,
        title: opt_text(title),
        description: opt_text(description),
        updated_at: T,
    }
}

fn members_page(
    page_no: u16,
    total_pages: u16,
    entries: Vec<CommunityMemberSummary>,
) -> MaterializedMembersPage {
    let bucket = dht_keys::materialized_bucket(T);
    let community_id = community_id();
    MaterializedMembersPage { community_id, bucket, page_no, total_pages, entries, built_at: T }
}

fn shares_page(
    page_no: u16,
    total_pages: u16,
    entries: Vec<CommunityShareSummary>,
) -> MaterializedSharesPage {
    let bucket = dht_keys::materialized_bucket(T);
    let community_id = community_id();
    MaterializedSharesPage { community_id, bucket, page_no, total_pages, entries, built_at: T }
}

fn page_fields(l: Line, bucket: u64, no: u16, total: u16, entries: &[Vec<u8>]) -> Line {
    l.b("community_id", &community_id())
        .n("bucket", bucket)
        .n("page_no", no)
        .n("total_pages", total)
        .list("entries", entries)
        .n("built_at", T)
}

fn members_page_line(name: &str, p: &MaterializedMembersPage) -> Line {
    let l = Line::new("members_page", name, &p.encode_tagged().unwrap())
        .b("key", &dht_keys::community_members_page_key(&p.community_id, p.bucket, p.page_no));
    page_fields(l, p.bucket, p.page_no, p.total_pages, &encoded(&p.entries))
}

fn shares_page_line(name: &str, p: &MaterializedSharesPage) -> Line {
    let l = Line::new("shares_page", name, &p.encode_tagged().unwrap())
        .b("key", &dht_keys::community_shares_page_key(&p.community_id, p.bucket, p.page_no));
    page_fields(l, p.bucket, p.page_no, p.total_pages, &encoded(&p.entries))
}

fn pages(f: &mut File) {
    let node = public(&keys().node);
    let mut at = member_entry(node, false, u64::MAX);
    at.addr = Some(peer("2001:db8::1", 7000));
    f.add(members_page_line("one", &members_page(0, 1, vec![member_entry(node, true, 3)])));
    f.add(members_page_line("none", &members_page(258, 65535, vec![])));
    f.add(members_page_line(
        "two_with_address",
        &members_page(1, 1, vec![member_entry([255; 32], true, 0), at]),
    ));
    f.add(shares_page_line("one", &shares_page(0, 1, vec![share_entry(Some("Title"), None)])));
    f.add(shares_page_line(
        "two",
        &shares_page(
            258,
            259,
            vec![share_entry(None, None), share_entry(Some(""), Some("d\u{e9}"))],
        ),
    ));
}

// -- rotations and revocations --

fn subject_word(s: IdentitySubjectKind) -> &'static str {
    match s {
        IdentitySubjectKind::Node => "node",
        IdentitySubjectKind::SharePublisher => "sharepublisher",
    }
}

fn rotations() -> Vec<(&'static str, KeyRotationRecord)> {
    let k = keys();
    let make =
        |kind, old, new, seq, at| KeyRotationRecord::new_signed(kind, old, new, seq, at).unwrap();
    let share = make(IdentitySubjectKind::SharePublisher, &k.share, &k.successor, 1, T);
    let mut swapped = share.clone();
    std::mem::swap(&mut swapped.old_key_signature, &mut swapped.new_key_signature);
    let mut same = share.clone();
    same.new_pubkey = same.old_pubkey;
    vec![
        ("share", share),
        ("node", make(IdentitySubjectKind::Node, &k.node, &k.successor, u64::MAX, u64::MAX)),
        ("swapped_signatures", swapped),
        ("same_key", same),
    ]
}

fn rotation_line(name: &str, r: &KeyRotationRecord) -> Line {
    let signed =
        cbor::to_vec(&(r.subject_kind, r.old_pubkey, r.new_pubkey, r.rotation_seq, r.issued_at))
            .unwrap();
    let valid = r.verify().is_ok();
    assert_eq!(
        valid,
        verifies(&r.old_pubkey, &signed, &r.old_key_signature)
            && verifies(&r.new_pubkey, &signed, &r.new_key_signature)
    );
    Line::new("rotation", name, &r.encode_tagged().unwrap())
        .b("key", &identity_rotation_key(&r.old_pubkey))
        .word("subject_kind", subject_word(r.subject_kind))
        .b("old_pubkey", &r.old_pubkey)
        .b("new_pubkey", &r.new_pubkey)
        .n("rotation_seq", r.rotation_seq)
        .n("issued_at", r.issued_at)
        .b("old_key_signature", &r.old_key_signature)
        .b("new_key_signature", &r.new_key_signature)
        .b("signed", &signed)
        .flag("signature_valid", valid)
}

fn revocations() -> Vec<(&'static str, KeyRevocationRecord)> {
    let k = keys();
    let make =
        |kind, key, reason, at| KeyRevocationRecord::new_signed(kind, key, reason, at).unwrap();
    let (node, share) = (IdentitySubjectKind::Node, IdentitySubjectKind::SharePublisher);
    let compromised = make(node, &k.node, RevocationReason::Compromised, T);
    let mut forged = compromised.clone();
    forged.reason = RevocationReason::Retired;
    vec![
        ("compromised", compromised),
        ("unspecified", make(share, &k.share, RevocationReason::Unspecified, 0)),
        ("superseded", make(share, &k.community, RevocationReason::Superseded, u64::MAX)),
        ("retired", make(node, &k.successor, RevocationReason::Retired, T)),
        ("false_signature", forged),
    ]
}

fn revocation_line(name: &str, r: &KeyRevocationRecord) -> Line {
    let signed = cbor::to_vec(&(r.subject_kind, r.pubkey, r.reason, r.issued_at)).unwrap();
    let valid = r.verify().is_ok();
    assert_eq!(valid, verifies(&r.pubkey, &signed, &r.signature));
    let reason = cbor::to_vec(&r.reason).unwrap();
    Line::new("revocation", name, &r.encode_tagged().unwrap())
        .b("key", &identity_revocation_key(&r.pubkey))
        .word("subject_kind", subject_word(r.subject_kind))
        .b("pubkey", &r.pubkey)
        .word("reason", std::str::from_utf8(&reason[1..]).unwrap())
        .n("issued_at", r.issued_at)
        .b("signature", &r.signature)
        .b("signed", &signed)
        .flag("signature_valid", valid)
}

// -- messages --

fn payload(name: &str, p: &WirePayload) -> Line {
    let bytes = p.encode().unwrap();
    let again = WirePayload::decode(u16::from(p.msg_type()), &bytes).unwrap();
    assert_eq!(&again, p, "{name} does not survive the crate's own decoder");
    Line::new("payload", name, &bytes).n("type", u16::from(p.msg_type()))
}

fn requests(f: &mut File) {
    let community_id = [7; 32];
    let upper = "0A".repeat(32);
    for (name, cursor, limit) in [
        ("members_first", None, 50),
        ("members_next", Some("09".repeat(32)), 200),
        ("members_empty_cursor", Some(String::new()), 0),
        ("members_upper_case_cursor", Some(upper), 65535),
    ] {
        let m = ListCommunityMembersPage { community_id, cursor: cursor.clone(), limit };
        let l = payload(name, &WirePayload::ListCommunityMembersPage(m));
        f.add(
            l.b("community_id", &community_id).opt_t("cursor", cursor.as_deref()).n("limit", limit),
        );
    }
    for (name, cursor, since_unix) in [
        ("shares_since", None, Some(T)),
        ("shares_plain", None, None),
        ("shares_next_since", Some("ff"), Some(u64::MAX)),
    ] {
        let cursor = opt_text(cursor);
        let m =
            ListCommunitySharesPage { community_id, cursor: cursor.clone(), limit: 50, since_unix };
        let l = payload(name, &WirePayload::ListCommunitySharesPage(m))
            .b("community_id", &community_id)
            .opt_t("cursor", cursor.as_deref())
            .n("limit", 50);
        f.add(l.opt_n("since_unix", since_unix));
    }
    for (name, query, cursor) in [
        ("search", "t", None),
        ("search_empty", "", None),
        ("search_next", "\u{2603} Snow", Some("00")),
    ] {
        let cursor = opt_text(cursor);
        let m = SearchCommunitySharesReq {
            community_id,
            query: query.into(),
            cursor: cursor.clone(),
            limit: 50,
        };
        let l = payload(name, &WirePayload::SearchCommunityShares(m))
            .b("community_id", &community_id)
            .opt_t("cursor", cursor.as_deref())
            .n("limit", 50);
        f.add(l.opt_t("query", Some(query)));
    }
    for (name, cursor) in [("events_since", Some("2")), ("events_first", None)] {
        let since_cursor = opt_text(cursor);
        let m = ListCommunityEventsReq { community_id, since_cursor, limit: 100 };
        let l = payload(name, &WirePayload::ListCommunityEvents(m))
            .b("community_id", &community_id)
            .opt_t("cursor", cursor)
            .n("limit", 100);
        f.add(l);
    }
}

fn answer(name: &str, p: &WirePayload, cursor: Option<&str>) -> Line {
    payload(name, p).b("community_id", &[7; 32]).opt_t("next_cursor", cursor)
}

fn members_answer(name: &str, entries: &[CommunityMemberSummary], cursor: Option<&str>) -> Line {
    let m = CommunityMembersPageResponse {
        community_id: [7; 32],
        entries: entries.to_vec(),
        next_cursor: opt_text(cursor),
    };
    let mut l = answer(name, &WirePayload::CommunityMembersPage(m), cursor)
        .n("entries", entries.len() as u64);
    for (i, e) in entries.iter().enumerate() {
        l = l
            .b(&format!("member_node_pubkey{i}"), &e.member_node_pubkey)
            .word(&format!("status{i}"), status_word(e.status))
            .n(&format!("announce_seq{i}"), e.announce_seq);
    }
    l
}

/// The fields of a share, as entry, hit and event have them.
fn share_fields(l: Line, i: usize, s: &CommunityShareSummary) -> Line {
    l.b(&format!("share_id{i}"), &s.share_id)
        .b(&format!("share_pubkey{i}"), &s.share_pubkey)
        .n(&format!("latest_seq{i}"), s.latest_seq)
        .opt_t(&format!("title{i}"), s.title.as_deref())
        .opt_t(&format!("description{i}"), s.description.as_deref())
        .n(&format!("updated_at{i}"), s.updated_at)
}

fn shares_answer(name: &str, entries: &[CommunityShareSummary], cursor: Option<&str>) -> Line {
    let m = CommunitySharesPageResponse {
        community_id: [7; 32],
        entries: entries.to_vec(),
        next_cursor: opt_text(cursor),
    };
    let l = answer(name, &WirePayload::CommunitySharesPage(m), cursor)
        .n("entries", entries.len() as u64);
    entries.iter().enumerate().fold(l, |l, (i, s)| share_fields(l, i, s))
}

fn search_answer(name: &str, hits: &[(CommunityShareSummary, u32)], cursor: Option<&str>) -> Line {
    let hit = |(s, score): &(CommunityShareSummary, u32)| CommunityShareHit {
        share_id: s.share_id,
        share_pubkey: s.share_pubkey,
        latest_seq: s.latest_seq,
        title: s.title.clone(),
        description: s.description.clone(),
        score: *score,
    };
    let m = CommunitySearchResultsResp {
        community_id: [7; 32],
        hits: hits.iter().map(hit).collect(),
        next_cursor: opt_text(cursor),
    };
    let l = answer(name, &WirePayload::CommunitySearchResults(m), cursor)
        .n("entries", hits.len() as u64);
    hits.iter()
        .enumerate()
        .fold(l, |l, (i, (s, score))| share_fields(l, i, s).n(&format!("score{i}"), *score))
}

fn events_answer(name: &str, events: &[CommunityEvent], cursor: Option<&str>) -> Line {
    let m = CommunityEventsResp {
        community_id: [7; 32],
        events: events.to_vec(),
        next_cursor: opt_text(cursor),
    };
    let l =
        answer(name, &WirePayload::CommunityEvents(m), cursor).n("entries", events.len() as u64);
    events.iter().enumerate().fold(l, |l, (i, e)| match e {
        CommunityEvent::MemberJoined { member_node_pubkey, announce_seq } => l
            .word(&format!("event{i}"), "joined")
            .b(&format!("member_node_pubkey{i}"), member_node_pubkey)
            .n(&format!("announce_seq{i}"), *announce_seq),
        CommunityEvent::MemberLeft { member_node_pubkey, announce_seq } => l
            .word(&format!("event{i}"), "left")
            .b(&format!("member_node_pubkey{i}"), member_node_pubkey)
            .n(&format!("announce_seq{i}"), *announce_seq),
        CommunityEvent::ShareUpserted { share_id, latest_seq, title } => l
            .word(&format!("event{i}"), "share")
            .b(&format!("share_id{i}"), share_id)
            .n(&format!("latest_seq{i}"), *latest_seq)
            .opt_t(&format!("title{i}"), title.as_deref()),
    })
}

fn answers(f: &mut File) {
    let member_node_pubkey = [9; 32];
    f.add(members_answer("members_answer", &[member_entry([9; 32], false, 3)], None));
    f.add(members_answer("members_answer_none", &[], None));
    let two = [member_entry([255; 32], true, u64::MAX), member_entry([0; 32], true, 0)];
    f.add(members_answer("members_answer_two", &two, Some(&"00".repeat(32))));

    let share = |seq, title, description| CommunityShareSummary {
        share_id: [3; 32],
        share_pubkey: [5; 32],
        latest_seq: seq,
        title: opt_text(title),
        description: opt_text(description),
        updated_at: T,
    };
    let long = "d".repeat(300);
    let mut biggest = share(u64::MAX, Some("\u{2603}"), Some(&long));
    (biggest.share_id, biggest.share_pubkey) = ([255; 32], [255; 32]);
    biggest.updated_at = u64::MAX;
    f.add(shares_answer("shares_answer", &[share(7, Some("T"), None)], Some("ab")));
    f.add(shares_answer("shares_answer_none", &[], None));
    let two = [share(0, None, Some("")), biggest.clone()];
    f.add(shares_answer("shares_answer_two", &two, Some(&"ff".repeat(32))));

    f.add(search_answer("search_answer", &[(share(7, None, Some("D")), 100)], None));
    f.add(search_answer("search_answer_none", &[], None));
    let two = [(share(0, Some(""), None), 200), (biggest, u32::MAX)];
    f.add(search_answer("search_answer_two", &two, Some(&"ff".repeat(32))));

    let upserted = |latest_seq, title| CommunityEvent::ShareUpserted {
        share_id: [3; 32],
        latest_seq,
        title: opt_text(title),
    };
    let all = [
        CommunityEvent::MemberJoined { member_node_pubkey, announce_seq: 3 },
        CommunityEvent::MemberLeft { member_node_pubkey, announce_seq: 4 },
        upserted(7, Some("T")),
        upserted(8, None),
    ];
    f.add(events_answer("events_answer", &all, Some("6")));
    f.add(events_answer("events_answer_none", &[], None));
    f.add(events_answer("events_answer_last", &all[1..2], Some("18446744073709551615")));

    let community_share_id = [7; 32];
    for (name, joined) in [("status_joined", true), ("status_not_joined", false)] {
        let m = CommunityStatus { community_share_id, joined, membership_proof: None, name: None };
        let l = payload(name, &WirePayload::CommunityStatus(m));
        f.add(l.b("community_share_id", &community_share_id).flag("joined", joined));
    }
}

// -- hellos and announcements --

fn caps(l: Line, c: &Capabilities) -> Line {
    l.flag("dht", c.dht)
        .flag("store", c.store)
        .flag("relay", c.relay)
        .flag("content_seed", c.content_seed)
        .flag("mobile_light", c.mobile_light)
        .flag("community_paged_browse", c.community_paged_browse)
        .flag("community_search", c.community_search)
        .flag("community_delta_sync", c.community_delta_sync)
}

fn hello_line(name: &str, s: &Side<Capabilities>, h: &Hello<Capabilities>) -> Line {
    h.verify().unwrap();
    let l = Line::new("hello", name, &cbor::to_vec(h).unwrap())
        .b("seed", &s.seed)
        .b("node_pubkey", &h.node_pubkey);
    caps(l, &h.capabilities)
        .b("nonce", &h.nonce)
        .opt_b("echoed_nonce", h.echoed_nonce.as_ref().map(|x| &x[..]))
        .n("timestamp", h.timestamp_unix_secs)
        .n("version", h.protocol_version)
        .b("eph_secret", &s.eph_secret)
        .b("ephemeral_pubkey", &h.ephemeral_pubkey)
        .b("signature", &h.signature)
        .b("signed", &h.signed_bytes())
}

fn hellos(f: &mut File) {
    let (client, server) = Crate06::sides();
    f.add(hello_line("client_hello_c", &client, &client.hello(None, T, 2)));
    f.add(hello_line("server_hello_c", &server, &server.hello(Some(client.nonce), T + 1, 2)));
    f.add(hello_line("client_ack_c", &client, &client.hello(Some(server.nonce), T + 1, 2)));
    f.add(hello_line("client_hello_b", &client, &client.hello(None, T, 1)));
    f.add(hello_line("server_hello_b", &server, &server.hello(Some(client.nonce), T + 1, 1)));
}

const ANNOUNCED_FOR: u64 = 21_600;

fn announcement() -> RelayAnnouncement {
    let capacity = RelayCapacity {
        max_tunnels: 64,
        bandwidth_class: BandwidthClass::Medium,
        max_bytes_per_tunnel: None,
    };
    let caps = Capabilities { relay: true, ..Capabilities::default() };
    let addrs = vec![peer("192.0.2.7", 7001)];
    RelayAnnouncement::new_signed(&keys().node, addrs, caps, capacity, T, ANNOUNCED_FOR).unwrap()
}

/// The same relay's announcement of 0.3.2, whose signature covers 5 fields.
fn old_announcement() -> scp2p_core::RelayAnnouncement {
    use scp2p_core as old;
    let addrs = vec![old::PeerAddr {
        ip: "192.0.2.7".parse().unwrap(),
        port: 7001,
        transport: old::TransportProtocol::Tcp,
        pubkey_hint: None,
        relay_via: None,
    }];
    let capacity = old::RelayCapacity {
        max_tunnels: 64,
        bandwidth_class: old::BandwidthClass::Medium,
        max_bytes_per_tunnel: None,
    };
    let caps = old::Capabilities { relay: true, ..old::Capabilities::default() };
    old::RelayAnnouncement::new_signed(&keys().node, addrs, caps, capacity, T, ANNOUNCED_FOR)
        .unwrap()
}

/// `valid_5`, `valid_8`: the verdicts of 0.3.2 and 0.6.0; `signed_5`, `signed_8`: the bytes that
/// each of them verifies.
fn announcement_line(name: &str, bytes: &[u8]) -> Line {
    let a: RelayAnnouncement = cbor::from_slice(bytes).unwrap();
    let old: scp2p_core::RelayAnnouncement = scp2p_core::cbor::from_slice(bytes).unwrap();
    Line::new("announcement_form", name, bytes)
        .b("relay_pubkey", &a.relay_pubkey)
        .b("signature", &a.signature)
        .b("signed_5", &old.signing_bytes())
        .b("signed_8", &a.signing_bytes())
        .flag("valid_5", old.verify_signature().is_ok())
        .flag("valid_8", a.verify_signature().is_ok())
}

fn announcements(f: &mut File) {
    let (new, old) =
        (cbor::to_vec(&announcement()).unwrap(), cbor::to_vec(&old_announcement()).unwrap());
    f.add(announcement_line("signed_8_sent_8", &new));
    f.add(announcement_line("signed_5_sent_5", &old));
    let mut mixed = announcement();
    mixed.signature = old_announcement().signature;
    f.add(announcement_line("signed_5_sent_8", &cbor::to_vec(&mixed).unwrap()));
    let mut mixed = old_announcement();
    mixed.signature = announcement().signature;
    f.add(announcement_line("signed_8_sent_5", &cbor::to_vec(&mixed).unwrap()));
}

// -- odd forms --

/// Changes the map after the tag byte and encodes it again.
fn edited(tagged: &[u8], tag: usize, change: impl FnOnce(&mut Vec<(Value, Value)>)) -> Vec<u8> {
    let Value::Map(mut map) = cbor::from_slice(&tagged[tag..]).unwrap() else { unreachable!() };
    change(&mut map);
    [&tagged[..tag], &cbor::to_vec(&Value::Map(map)).unwrap()].concat()
}

fn set(map: &mut [(Value, Value)], key: &str, v: Value) {
    map.iter_mut().find(|(k, _)| k.as_text() == Some(key)).unwrap().1 = v;
}

fn as_bytes(ints: &Value) -> Value {
    let ints = ints.as_array().unwrap().iter();
    Value::Bytes(ints.map(|x| u8::try_from(x.as_integer().unwrap()).unwrap()).collect())
}

fn request_type(kind: &str) -> Option<u16> {
    match kind {
        "members" => Some(410),
        "shares" => Some(412),
        "search" => Some(414),
        "events" => Some(416),
        _ => None,
    }
}

/// The value as the crate encodes it again; none: the crate's decoder rejects it.
fn verdict(kind: &str, b: &[u8]) -> Option<Vec<u8>> {
    match kind {
        "member_record" => {
            CommunityMemberRecord::decode_tagged(b).ok().map(|x| x.encode_tagged().unwrap())
        }
        "share_record" => {
            CommunityShareRecord::decode_tagged(b).ok().map(|x| x.encode_tagged().unwrap())
        }
        "community_hint" => {
            CommunityBootstrapHint::decode_tagged(b).ok().map(|x| x.encode_tagged().unwrap())
        }
        "members_page" => {
            MaterializedMembersPage::decode_tagged(b).ok().map(|x| x.encode_tagged().unwrap())
        }
        "shares_page" => {
            MaterializedSharesPage::decode_tagged(b).ok().map(|x| x.encode_tagged().unwrap())
        }
        "rotation" => KeyRotationRecord::decode_tagged(b).ok().map(|x| x.encode_tagged().unwrap()),
        "revocation" => {
            KeyRevocationRecord::decode_tagged(b).ok().map(|x| x.encode_tagged().unwrap())
        }
        "membership_token" => {
            cbor::from_slice::<CommunityMembershipToken>(b).ok().map(|x| cbor::to_vec(&x).unwrap())
        }
        _ => {
            let t = request_type(kind).unwrap();
            WirePayload::decode(t, b).ok().map(|x| x.encode().unwrap())
        }
    }
}

fn text(t: &str) -> Value {
    Value::Text(t.into())
}

fn odd_values(f: &mut File) {
    let member = members()[0].1.encode_tagged().unwrap();
    let token_member = members()[2].1.encode_tagged().unwrap();
    let share = shares()[0].1.encode_tagged().unwrap();
    let hint = hint(&[peer("192.0.2.7", 7001)], &[]).encode_tagged().unwrap();
    let page = members_page(0, 1, vec![member_entry([9; 32], true, 3)]).encode_tagged().unwrap();
    let rotation = rotations()[0].1.encode_tagged().unwrap();
    let revocation = revocations()[0].1.encode_tagged().unwrap();
    let mut add = |kind: &str, name: &str, b: Vec<u8>| f.add(odd_line(kind, name, &b));
    add("member_record", "member_no_bytes", vec![]);
    add("member_record", "member_tag_alone", vec![0x31]);
    add("member_record", "member_without_tag", member[1..].to_vec());
    add("member_record", "member_tag_of_share", [&[0x32], &member[1..]].concat());
    add("member_record", "member_trailing_bytes", [&member[..], &[0xff, 0]].concat());
    for (name, status) in [("upper_case", "Joined"), ("unknown", "banned"), ("empty", "")] {
        let b = edited(&member, 1, |m| set(m, "status", text(status)));
        add("member_record", &format!("member_status_{name}"), b);
    }
    let b = edited(&member, 1, |m| set(m, "status", Value::Integer(0.into())));
    add("member_record", "member_status_number", b);
    let b = edited(&token_member, 1, |m| set(m, "auth_token_bytes", Value::Null));
    add("member_record", "member_token_null", b);
    let b = edited(&member, 1, |m| m.push((text("unknown"), Value::Null)));
    add("member_record", "member_unknown_key", b);
    add("member_record", "member_reversed", edited(&member, 1, |m| m.reverse()));
    let b = edited(&member, 1, |m| {
        let id = as_bytes(&m[0].1);
        m[0].1 = id;
    });
    add("member_record", "member_id_as_bytes", b);
    for (name, visibility) in [("private", "private"), ("upper_case", "Public")] {
        let b = edited(&share, 1, |m| set(m, "visibility", text(visibility)));
        add("share_record", &format!("share_visibility_{name}"), b);
    }
    let b = edited(&share, 1, |m| {
        set(m, "title", Value::Null);
        set(m, "description", Value::Null);
    });
    add("share_record", "share_texts_null", b);
    add("share_record", "share_no_visibility", edited(&share, 1, |m| drop(m.remove(5))));
    let b = edited(&hint, 1, |m| m.push((text("index_peers"), Value::Array(vec![]))));
    add("community_hint", "hint_index_peers_empty", b);
    let b = edited(&hint, 1, |m| m.push((text("index_peers"), Value::Null)));
    add("community_hint", "hint_index_peers_null", b);
    let b = edited(&page, 1, |m| {
        let Value::Array(entries) = &mut m[4].1 else { unreachable!() };
        let Value::Map(entry) = &mut entries[0] else { unreachable!() };
        entry.pop();
    });
    add("members_page", "page_entry_without_addr", b);
    let b = edited(&page, 1, |m| set(m, "page_no", Value::Integer(65536.into())));
    add("members_page", "page_no_too_big", b);
    add("shares_page", "page_of_the_other_kind", page);
    for subject in ["Node", "share_publisher", "SharePublisher", "share-publisher"] {
        let b = edited(&rotation, 1, |m| set(m, "subject_kind", text(subject)));
        add("rotation", &format!("rotation_subject_{subject}"), b);
    }
    for reason in ["Retired", "stolen"] {
        let b = edited(&revocation, 1, |m| set(m, "reason", text(reason)));
        add("revocation", &format!("revocation_reason_{reason}"), b);
    }
    let token = cbor::to_vec(&token()).unwrap();
    add("membership_token", "token_without_signature", edited(&token, 0, |m| drop(m.pop())));
    add("membership_token", "token_trailing_bytes", [&token[..], &[0]].concat());
}

fn odd_requests(f: &mut File) {
    let community_id = [7; 32];
    let cursor = Some("09".to_string());
    let members = WirePayload::ListCommunityMembersPage(ListCommunityMembersPage {
        community_id,
        cursor: cursor.clone(),
        limit: 50,
    });
    let shares = WirePayload::ListCommunitySharesPage(ListCommunitySharesPage {
        community_id,
        cursor: cursor.clone(),
        limit: 50,
        since_unix: Some(T),
    });
    let search = WirePayload::SearchCommunityShares(SearchCommunitySharesReq {
        community_id,
        query: "q".into(),
        cursor: cursor.clone(),
        limit: 50,
    });
    let events = WirePayload::ListCommunityEvents(ListCommunityEventsReq {
        community_id,
        since_cursor: cursor,
        limit: 50,
    });
    for (kind, p) in
        [("members", members), ("shares", shares), ("search", search), ("events", events)]
    {
        let bytes = p.encode().unwrap();
        let mut add = |name: &str, b: Vec<u8>| {
            f.add(odd_line(kind, &format!("{kind}_{name}"), &b));
        };
        let cursor = if kind == "events" { "since_cursor" } else { "cursor" };
        add("cursor_null", edited(&bytes, 0, |m| set(m, cursor, Value::Null)));
        add("cursor_number", edited(&bytes, 0, |m| set(m, cursor, Value::Integer(9.into()))));
        add("limit_null", edited(&bytes, 0, |m| set(m, "limit", Value::Null)));
        add("limit_too_big", edited(&bytes, 0, |m| set(m, "limit", Value::Integer(65536.into()))));
        add("reversed", edited(&bytes, 0, |m| m.reverse()));
        add("unknown_key", edited(&bytes, 0, |m| m.push((text("x"), Value::Map(vec![])))));
        let without_limit = edited(&bytes, 0, |m| m.retain(|(k, _)| k.as_text() != Some("limit")));
        add("without_limit", without_limit);
        if kind == "shares" {
            add("since_null", edited(&bytes, 0, |m| set(m, "since_unix", Value::Null)));
        }
        if kind == "search" {
            add("query_null", edited(&bytes, 0, |m| set(m, "query", Value::Null)));
        }
    }
}

/// A line as in decode.txt; `what` names a value, or with `type` a payload.
fn odd_line(kind: &str, name: &str, b: &[u8]) -> Line {
    let again = verdict(kind, b);
    let l = Line::new(if again.is_some() { "accept" } else { "reject" }, name, b);
    let l = match request_type(kind) {
        Some(t) => l.word("what", "payload").n("type", t),
        None => l.word("what", kind),
    };
    l.opt_b("canonical", again.as_deref()).flag("may_differ", false)
}

pub fn file() -> File {
    let mut f = File::of("0.6.0", "Additions of versions since 0.4.0 to the protocol");
    hellos(&mut f);
    announcements(&mut f);
    members().iter().for_each(|(name, r)| f.add(member_line(name, r)));
    f.add(token_line());
    shares().iter().for_each(|(name, r)| f.add(share_line(name, r)));
    let one = [peer("192.0.2.7", 7001)];
    let seventeen: Vec<_> = (0..17).map(|i| peer("192.0.2.8", i)).collect();
    f.add(hint_line("both", &hint(&one, &one)));
    f.add(hint_line("no_index_peers", &hint(&one, &[])));
    f.add(hint_line("empty", &hint(&[], &[])));
    f.add(hint_line("most", &hint(&seventeen[..16], &seventeen[..8])));
    f.add(hint_line("too_many_members", &hint(&seventeen, &[])));
    f.add(hint_line("too_many_index_peers", &hint(&[], &seventeen[..9])));
    pages(&mut f);
    rotations().iter().for_each(|(name, r)| f.add(rotation_line(name, r)));
    revocations().iter().for_each(|(name, r)| f.add(revocation_line(name, r)));
    requests(&mut f);
    answers(&mut f);
    odd_values(&mut f);
    odd_requests(&mut f);
    f
}
