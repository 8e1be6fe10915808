// SPDX-License-Identifier: MPL-2.0
//! Where answers about communities differ from those of reference relay 0.6.0, on purpose; each
//! difference is asserted on both sides. `actors/dht/README.md` lists them.
use super::community::{
    Pair, RECORDS, entry_count, events, is_same, members, next, search, shares, shown,
};
use crate::client::*;
use crate::crates::Dialect;
use crate::values::{self, Membership, Share};
use anyhow::{Context as _, Result, ensure};
use core06::wire::{CommunityMemberStatus, CommunityMembersPageResponse, WirePayload as Asked};
use scp2p_core::BoxedStream;
use scp2p_core::wire::{FLAG_ERROR, GetCommunityStatus, MAX_ENVELOPE_PAYLOAD_BYTES};
use std::time::Duration;
use tokio::time::Instant;

/// A community of which no record is held: an error, so that the client asks its next peer; the
/// reference gives an empty list, which ends the client's search.
async fn unknown_community(pair: &mut Pair) -> Result<()> {
    let id = random();
    for q in [
        members(id, None, 1),
        shares(id, None, 1, None),
        search(id, "", None, 1),
        events(id, None, 1),
    ] {
        let (ours, theirs) = pair.ask(&q).await?;
        ensure!(theirs.flags & FLAG_ERROR == 0 && entry_count(&theirs)? == 0, "the reference");
        let text = error_text(&ours).with_context(|| format!("no error for {q:?}"))?;
        ensure!(!text.contains("rate limit"), "{text}");
    }
    Ok(())
}

/// 416 with limit 0 is answered; it ends the reference's connection.
async fn no_events(pair: &mut Pair, id: [u8; 32]) -> Result<()> {
    let q = events(id, None, 0);
    ensure!(pair.theirs.ask(&q).await.is_err(), "the reference answers");
    pair.theirs.session = None;
    let ours = pair.ours.ask(&q).await?;
    ensure!(error_text(&ours).is_none() && entry_count(&ours)? == 0, "{ours:?}");
    Ok(())
}

/// A cursor beyond the last event, as a client brings it from another relay: the oldest events
/// come; from the reference none until its numbers have caught up.
async fn cursor_beyond(pair: &mut Pair, id: [u8; 32]) -> Result<()> {
    let first = pair.alike(&events(id, None, 5)).await?;
    for cursor in [(RECORDS + 1).to_string(), u64::MAX.to_string()] {
        let (ours, theirs) = pair.ask(&events(id, Some(&cursor), 5)).await?;
        ensure!(entry_count(&theirs)? == 0, "the reference gives events");
        ensure!(is_same(&ours, &first), "ours does not begin again at {cursor}");
    }
    Ok(())
}

/// A member that was restarted counts from 1 again: its new record, of a later time, is taken at
/// once; the reference ignores it until its sequence has caught up. A renewed record replaces its
/// older event; the reference keeps both.
async fn restarted_member(pair: &mut Pair) -> Result<()> {
    let (id, key, at) = (random(), new_key(), now() - 100);
    let record =
        |seq, status, issued| values::member(id, &Membership { key: &key, seq, status, issued });
    pair.store(&record(9, CommunityMemberStatus::Joined, at)?).await?;
    pair.alike(&members(id, None, 10)).await?;
    pair.store(&record(10, CommunityMemberStatus::Joined, at + 10)?).await?;
    pair.alike(&members(id, None, 10)).await?;
    let (ours, theirs) = pair.ask(&events(id, None, 10)).await?;
    ensure!((entry_count(&ours)?, entry_count(&theirs)?) == (1, 2), "events of a renewed record");
    pair.store(&record(1, CommunityMemberStatus::Left, at + 20)?).await?;
    let (ours, theirs) = pair.ask(&members(id, None, 10)).await?;
    for (who, answer, seq) in [("ours", ours, 1), ("the reference", theirs, 10)] {
        let page: CommunityMembersPageResponse = core06::cbor::from_slice(&answer.payload)?;
        ensure!(page.entries.len() == 1 && page.entries[0].announce_seq == seq, "{who}: {page:?}");
    }
    Ok(())
}

/// Follows the cursors at ours, also behind a page without entries; entries and pages.
async fn walk_ours(pair: &mut Pair, q: impl Fn(Option<&str>) -> Asked) -> Result<(usize, usize)> {
    let (mut cursor, mut count, mut pages) = (None::<String>, 0, 0);
    loop {
        let answer = pair.ours.ask(&q(cursor.as_deref())).await?;
        ensure!(error_text(&answer).is_none(), "{:?}", error_text(&answer));
        ensure!(answer.payload.len() <= MAX_ENVELOPE_PAYLOAD_BYTES, "a page too large");
        let entries = entry_count(&answer)?;
        (count, pages, cursor) = (count + entries, pages + 1, next(&answer)?);
        // A page of events has a cursor, be it the last.
        if cursor.is_none() || (entries == 0 && answer.r#type == 417) {
            return Ok((count, pages));
        }
        ensure!(pages < 100, "the cursors never end");
    }
}

/// Pages end below the size that clients take, with a cursor, and a search ends after 256 KiB of
/// text, with a cursor; pages of the reference go over the size, and its search over all.
async fn large_pages(pair: &mut Pair) -> Result<()> {
    let (id, title) = (random(), "x".repeat(60_000));
    for n in 0..20 {
        let (key, title) = (&new_key(), Some(&*title));
        let s = Share { key, seq: 1, updated: now() - 30 + n, title, description: None };
        pair.store(&values::share(id, &s)?).await?;
    }
    pair.alike(&shares(id, None, 10, None)).await?;
    let requests: [&dyn Fn(Option<&str>) -> Asked; 3] = [
        &|cursor| shares(id, cursor, 100, None),
        &|cursor| search(id, "", cursor, 50),
        &|cursor| events(id, cursor, 200),
    ];
    for q in requests {
        ensure!(pair.theirs.ask(&q(None)).await.is_err(), "the reference's page can be read");
        pair.theirs.session = None;
        let (count, pages) = walk_ours(pair, q).await?;
        ensure!(count == 20 && pages >= 2, "{count} of 20 entries in {pages} pages");
    }
    let nothing = pair.theirs.ask(&search(id, "y", None, 50)).await?;
    ensure!(entry_count(&nothing)? == 0 && next(&nothing)?.is_none(), "the reference finds y");
    let (count, pages) = walk_ours(pair, |cursor| search(id, "y", cursor, 50)).await?;
    ensure!(count == 0 && pages >= 4, "{count} found, {pages} pages for 1.2 MB of text");
    Ok(())
}

/// A member whose record expires is a member no more; the reference lists it until it restarts.
pub struct Expiring {
    community: [u8; 32],
    at: Instant,
}

impl Expiring {
    pub async fn store(pair: &mut Pair) -> Result<Self> {
        const LIFE: u64 = 4;
        let (community, key, seq) = (random(), &new_key(), 1);
        let (status, issued) = (CommunityMemberStatus::Joined, now() + LIFE - values::DAY);
        let m = Membership { key, seq, status, issued };
        pair.store(&values::member(community, &m)?).await?;
        pair.alike(&members(community, None, 10)).await?;
        Ok(Self { community, at: Instant::now() + Duration::from_secs(LIFE + 1) })
    }

    pub async fn check(self, pair: &mut Pair) -> Result<()> {
        tokio::time::sleep_until(self.at).await;
        let (ours, theirs) = pair.ask(&members(self.community, None, 10)).await?;
        ensure!(entry_count(&theirs)? == 1, "the reference has dropped it");
        ensure!(ours.flags & FLAG_ERROR != 0, "ours: {}", shown(&ours));
        Ok(())
    }
}

async fn joined(s: &mut BoxedStream, community: &core06::ShareKeypair) -> Result<bool> {
    let q = GetCommunityStatus {
        community_share_id: community.share_id().0,
        community_share_pubkey: community.verifying_key().to_bytes(),
    };
    let r = ask_typed(s, 1, &scp2p_core::wire::WirePayload::GetCommunityStatus(q)).await?;
    ensure!(error_text(&r).is_none(), "{:?}", error_text(&r));
    let status: core06::wire::CommunityStatus = core06::cbor::from_slice(&r.payload)?;
    ensure!(status.membership_proof.is_none() && status.name.is_none(), "{status:?}");
    Ok(status.joined)
}

/// 405 says joined to clients that browse only then, while a record of the community is held; the
/// reference never does.
async fn status(pair: &mut Pair) -> Result<()> {
    let community = core06::ShareKeypair::new(new_key());
    for is_held in [false, true] {
        if is_held {
            let (key, seq, status) = (&new_key(), 1, CommunityMemberStatus::Joined);
            let m = Membership { key, seq, status, issued: now() };
            pair.store(&values::member(community.share_id().0, &m)?).await?;
        }
        for d in Dialect::ALL {
            let (mut s, _) = d.published().session(pair.ours.at, &new_key(), None).await?;
            let is_joined = joined(&mut s, &community).await?;
            ensure!(is_joined == (is_held && d != Dialect::A), "{d:?} gets the reply {is_joined}");
        }
        let theirs = Dialect::C.published().session(pair.theirs.at, &new_key(), None).await;
        ensure!(!joined(&mut theirs?.0, &community).await?, "the reference has joined");
    }
    Ok(())
}

/// The texts of a share are not signed: stored again with others they replace the first ones, which
/// anyone may have made up; the reference keeps the first.
async fn retitled_share(pair: &mut Pair) -> Result<()> {
    let (id, seq, updated, description) = (random(), 1, now() - 10, None);
    let key = &new_key();
    for title in [Some("first"), Some("second")] {
        let s = Share { key, seq, updated, title, description };
        pair.store(&values::retitled(id, &s)?).await?;
    }
    for (query, of_ours) in [("first", 0), ("second", 1)] {
        let (ours, theirs) = pair.ask(&search(id, query, None, 10)).await?;
        ensure!(entry_count(&ours)? == of_ours, "ours: {}", shown(&ours));
        ensure!(entry_count(&theirs)? == 1 - of_ours, "the reference: {}", shown(&theirs));
    }
    Ok(())
}

/// A record dated more than 300 s ahead is refused, since it would push out honest ones.
async fn dated_ahead(pair: &mut Pair) -> Result<()> {
    let (id, key, seq) = (random(), &new_key(), 1);
    let status = CommunityMemberStatus::Joined;
    let m = Membership { key, seq, status, issued: now() + 400 };
    let (title, description) = (Some("ahead"), None);
    let s = Share { key, seq, updated: now() + 400, title, description };
    for v in [values::member(id, &m)?, values::share(id, &s)?] {
        pair.theirs.store(&v).await.context("at the reference")?;
        ensure!(pair.ours.store(&v).await.is_err(), "ours took it");
    }
    let (ours, theirs) = pair.ask(&members(id, None, 10)).await?;
    ensure!(entry_count(&theirs)? == 1 && ours.flags & FLAG_ERROR != 0, "{}", shown(&ours));
    Ok(())
}

/// The differences, asserted on both sides; `id` is the community whose records both hold.
pub async fn all(pair: &mut Pair, id: [u8; 32]) -> Result<()> {
    unknown_community(pair).await?;
    no_events(pair, id).await.context("416 with limit 0")?;
    cursor_beyond(pair, id).await?;
    restarted_member(pair).await?;
    large_pages(pair).await.context("large pages")?;
    retitled_share(pair).await.context("a retitled share")?;
    dated_ahead(pair).await.context("a record dated ahead")?;
    status(pair).await.context("405")
}
