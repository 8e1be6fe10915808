// SPDX-License-Identifier: MPL-2.0
//! Unusual encodings of values and requests, with the verdict of the decoder of the crate.
use super::*;

/// Changes the map after the tag byte and encodes it again.
pub(super) fn edited(
    tagged: &[u8],
    tag: usize,
    change: impl FnOnce(&mut Vec<(Value, Value)>),
) -> Vec<u8> {
    let Value::Map(mut map) = cbor::from_slice(&tagged[tag..]).unwrap() else { unreachable!() };
    change(&mut map);
    [&tagged[..tag], &cbor::to_vec(&Value::Map(map)).unwrap()].concat()
}

pub(super) fn set(map: &mut [(Value, Value)], key: &str, v: Value) {
    map.iter_mut().find(|(k, _)| k.as_text() == Some(key)).unwrap().1 = v;
}

pub(super) fn as_bytes(ints: &Value) -> Value {
    let ints = ints.as_array().unwrap().iter();
    Value::Bytes(ints.map(|x| u8::try_from(x.as_integer().unwrap()).unwrap()).collect())
}

pub(super) fn request_type(kind: &str) -> Option<u16> {
    match kind {
        "members" => Some(410),
        "shares" => Some(412),
        "search" => Some(414),
        "events" => Some(416),
        _ => None,
    }
}

/// The value as the crate encodes it again; none: the crate's decoder rejects it.
pub(super) fn verdict(kind: &str, b: &[u8]) -> Option<Vec<u8>> {
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

pub(super) fn text(t: &str) -> Value {
    Value::Text(t.into())
}

pub(super) fn odd_values(f: &mut File) {
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

pub(super) fn odd_requests(f: &mut File) {
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
pub(super) fn odd_line(kind: &str, name: &str, b: &[u8]) -> Line {
    let again = verdict(kind, b);
    let l = Line::new(if again.is_some() { "accept" } else { "reject" }, name, b);
    let l = match request_type(kind) {
        Some(t) => l.word("what", "payload").n("type", t),
        None => l.word("what", kind),
    };
    l.opt_b("canonical", again.as_deref()).flag("may_differ", false)
}
