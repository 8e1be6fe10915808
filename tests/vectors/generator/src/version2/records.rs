// SPDX-License-Identifier: MPL-2.0
//! Values with a tag: member and share records, tokens, hints, pages, rotations, revocations.
use super::*;

// -- member records and tokens --

pub(super) fn status_word(s: CommunityMemberStatus) -> &'static str {
    match s {
        CommunityMemberStatus::Joined => "joined",
        CommunityMemberStatus::Left => "left",
    }
}

pub(super) fn token() -> CommunityMembershipToken {
    let k = keys();
    CommunityMembershipToken::issue(&k.community, public(&k.node), T, T + DAY).unwrap()
}

pub(super) fn members() -> Vec<(&'static str, CommunityMemberRecord)> {
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

pub(super) fn member_line(name: &str, r: &CommunityMemberRecord) -> Line {
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

pub(super) fn token_line() -> Line {
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

pub(super) fn shares() -> Vec<(&'static str, CommunityShareRecord)> {
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

pub(super) fn share_line(name: &str, r: &CommunityShareRecord) -> Line {
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

pub(super) fn hint(sample: &[PeerAddr], index: &[PeerAddr]) -> CommunityBootstrapHint {
    CommunityBootstrapHint {
        community_id: community_id(),
        member_count_estimate: 2,
        sample_members: sample.to_vec(),
        index_peers: index.to_vec(),
        updated_at: T,
    }
}

pub(super) fn encoded<X: serde::Serialize>(list: &[X]) -> Vec<Vec<u8>> {
    list.iter().map(|x| cbor::to_vec(x).unwrap()).collect()
}

pub(super) fn hint_line(name: &str, h: &CommunityBootstrapHint) -> Line {
    Line::new("community_hint", name, &h.encode_tagged().unwrap())
        .b("key", &community_info_key(&ShareId(h.community_id)))
        .b("community_id", &h.community_id)
        .n("member_count_estimate", h.member_count_estimate)
        .list("sample_members", &encoded(&h.sample_members))
        .list("index_peers", &encoded(&h.index_peers))
        .n("updated_at", h.updated_at)
}

pub(super) fn member_entry(key: [u8; 32], joined: bool, seq: u64) -> CommunityMemberSummary {
    let status = if joined { CommunityMemberStatus::Joined } else { CommunityMemberStatus::Left };
    CommunityMemberSummary { member_node_pubkey: key, status, announce_seq: seq, addr: None }
}

pub(super) fn share_entry(title: Option<&str>, description: Option<&str>) -> CommunityShareSummary {
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

pub(super) fn members_page(
    page_no: u16,
    total_pages: u16,
    entries: Vec<CommunityMemberSummary>,
) -> MaterializedMembersPage {
    let bucket = dht_keys::materialized_bucket(T);
    let community_id = community_id();
    MaterializedMembersPage { community_id, bucket, page_no, total_pages, entries, built_at: T }
}

pub(super) fn shares_page(
    page_no: u16,
    total_pages: u16,
    entries: Vec<CommunityShareSummary>,
) -> MaterializedSharesPage {
    let bucket = dht_keys::materialized_bucket(T);
    let community_id = community_id();
    MaterializedSharesPage { community_id, bucket, page_no, total_pages, entries, built_at: T }
}

pub(super) fn page_fields(l: Line, bucket: u64, no: u16, total: u16, entries: &[Vec<u8>]) -> Line {
    l.b("community_id", &community_id())
        .n("bucket", bucket)
        .n("page_no", no)
        .n("total_pages", total)
        .list("entries", entries)
        .n("built_at", T)
}

pub(super) fn members_page_line(name: &str, p: &MaterializedMembersPage) -> Line {
    let l = Line::new("members_page", name, &p.encode_tagged().unwrap())
        .b("key", &dht_keys::community_members_page_key(&p.community_id, p.bucket, p.page_no));
    page_fields(l, p.bucket, p.page_no, p.total_pages, &encoded(&p.entries))
}

pub(super) fn shares_page_line(name: &str, p: &MaterializedSharesPage) -> Line {
    let l = Line::new("shares_page", name, &p.encode_tagged().unwrap())
        .b("key", &dht_keys::community_shares_page_key(&p.community_id, p.bucket, p.page_no));
    page_fields(l, p.bucket, p.page_no, p.total_pages, &encoded(&p.entries))
}

pub(super) fn pages(f: &mut File) {
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

pub(super) fn subject_word(s: IdentitySubjectKind) -> &'static str {
    match s {
        IdentitySubjectKind::Node => "node",
        IdentitySubjectKind::SharePublisher => "sharepublisher",
    }
}

pub(super) fn rotations() -> Vec<(&'static str, KeyRotationRecord)> {
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

pub(super) fn rotation_line(name: &str, r: &KeyRotationRecord) -> Line {
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

pub(super) fn revocations() -> Vec<(&'static str, KeyRevocationRecord)> {
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

pub(super) fn revocation_line(name: &str, r: &KeyRevocationRecord) -> Line {
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
