// SPDX-License-Identifier: MPL-2.0
//! Requests for pages of a community and their replies.
use super::*;

pub(super) fn payload(name: &str, p: &WirePayload) -> Line {
    let bytes = p.encode().unwrap();
    let again = WirePayload::decode(u16::from(p.msg_type()), &bytes).unwrap();
    assert_eq!(&again, p, "{name} does not survive the crate's own decoder");
    Line::new("payload", name, &bytes).n("type", u16::from(p.msg_type()))
}

pub(super) fn requests(f: &mut File) {
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

pub(super) fn answer(name: &str, p: &WirePayload, cursor: Option<&str>) -> Line {
    payload(name, p).b("community_id", &[7; 32]).opt_t("next_cursor", cursor)
}

pub(super) fn members_answer(
    name: &str,
    entries: &[CommunityMemberSummary],
    cursor: Option<&str>,
) -> Line {
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
pub(super) fn share_fields(l: Line, i: usize, s: &CommunityShareSummary) -> Line {
    l.b(&format!("share_id{i}"), &s.share_id)
        .b(&format!("share_pubkey{i}"), &s.share_pubkey)
        .n(&format!("latest_seq{i}"), s.latest_seq)
        .opt_t(&format!("title{i}"), s.title.as_deref())
        .opt_t(&format!("description{i}"), s.description.as_deref())
        .n(&format!("updated_at{i}"), s.updated_at)
}

pub(super) fn shares_answer(
    name: &str,
    entries: &[CommunityShareSummary],
    cursor: Option<&str>,
) -> Line {
    let m = CommunitySharesPageResponse {
        community_id: [7; 32],
        entries: entries.to_vec(),
        next_cursor: opt_text(cursor),
    };
    let l = answer(name, &WirePayload::CommunitySharesPage(m), cursor)
        .n("entries", entries.len() as u64);
    entries.iter().enumerate().fold(l, |l, (i, s)| share_fields(l, i, s))
}

pub(super) fn search_answer(
    name: &str,
    hits: &[(CommunityShareSummary, u32)],
    cursor: Option<&str>,
) -> Line {
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

pub(super) fn events_answer(name: &str, events: &[CommunityEvent], cursor: Option<&str>) -> Line {
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

pub(super) fn answers(f: &mut File) {
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
