// SPDX-License-Identifier: MPL-2.0
//! Communities: messages 410 to 417 answered byte for byte as reference relay 0.6.0 answers them,
//! but for the differences listed in `differences.rs`.
use super::differences::{self, Expiring};
use crate::client::*;
use crate::crates::Dialect;
use crate::relay::{Context, LogTail, Relay};
use crate::stream::At;
use crate::values::{self, Membership, Share, Value};
use anyhow::{Context as _, Result, ensure};
use core06::wire::{
    CommunityMemberStatus, CommunityMembersPageResponse, CommunitySharesPageResponse,
    ListCommunityEventsReq, ListCommunityMembersPage, ListCommunitySharesPage,
    SearchCommunitySharesReq, WirePayload as Asked,
};
use scp2p_core::BoxedStream;
use scp2p_core::wire::{Envelope, FLAG_ERROR};

pub const RECORDS: usize = 500;
/// Community requests per minute and key that the reference answers; ours answers no fewer.
const REQUESTS_PER_KEY: u32 = 110;
const STORES_PER_KEY: u32 = 500;

/// A relay and a session with it, which is replaced, with its key, before a rate limit bites.
pub struct Asker {
    pub at: At,
    pub session: Option<(BoxedStream, u32)>,
}

impl Asker {
    fn new(at: At) -> Self {
        Self { at, session: None }
    }

    async fn send(&mut self, e: &Envelope, per_key: u32) -> Result<Envelope> {
        if self.session.as_ref().is_none_or(|(_, sent)| *sent >= per_key) {
            // Closed first: the reference takes eight connections of one address.
            self.session = None;
            let (s, _) = Dialect::C.published().session(self.at, &new_key(), None).await?;
            self.session = Some((s, 0));
        }
        let (s, sent) = self.session.as_mut().context("no session")?;
        *sent += 1;
        ask(s, e).await
    }

    pub async fn store(&mut self, v: &Value) -> Result<()> {
        let e = Envelope::from_typed(1, 0, &v.store())?;
        let r = self.send(&e, STORES_PER_KEY).await?;
        ensure!(error_text(&r).is_none(), "a record was refused: {:?}", error_text(&r));
        Ok(())
    }

    pub async fn ask(&mut self, q: &Asked) -> Result<Envelope> {
        let payload = q.encode()?;
        self.send_payload(q.msg_type() as u16, payload).await
    }

    async fn send_payload(&mut self, message: u16, payload: Vec<u8>) -> Result<Envelope> {
        let e = Envelope { r#type: message, req_id: 3, flags: 0, payload };
        self.send(&e, REQUESTS_PER_KEY).await
    }
}

/// Byte for byte.
pub fn is_same(a: &Envelope, b: &Envelope) -> bool {
    (a.r#type, a.flags) == (b.r#type, b.flags) && a.payload == b.payload
}

pub struct Pair {
    pub ours: Asker,
    pub theirs: Asker,
}

impl Pair {
    pub async fn store(&mut self, v: &Value) -> Result<()> {
        self.theirs.store(v).await.context("at the reference")?;
        self.ours.store(v).await.context("at ours")
    }

    /// Both answers, ours first.
    pub async fn ask(&mut self, q: &Asked) -> Result<(Envelope, Envelope)> {
        let theirs = self.theirs.ask(q).await.context("the reference")?;
        Ok((self.ours.ask(q).await.context("ours")?, theirs))
    }

    /// Fails unless both answer alike; the answer. Ours ends a search by the clock, so on a busy
    /// machine one is tried again.
    pub async fn alike(&mut self, q: &Asked) -> Result<Envelope> {
        let attempts = if matches!(q, Asked::SearchCommunityShares(_)) { 5 } else { 1 };
        let mut what = String::new();
        for _ in 0..attempts {
            let (ours, theirs) = self.ask(q).await.with_context(|| format!("{q:?}"))?;
            if is_same(&ours, &theirs) {
                return Ok(ours);
            }
            what = format!("ours: {}; the reference: {}", shown(&ours), shown(&theirs));
        }
        anyhow::bail!("{}: {what}", cut(format!("{q:?}")))
    }
}

fn cut(text: String) -> String {
    text.chars().take(600).collect()
}

/// An answer for a person.
pub fn shown(e: &Envelope) -> String {
    let payload = match ciborium::from_reader::<ciborium::Value, _>(&*e.payload) {
        Ok(v) => format!("{v:?}"),
        Err(_) => String::from_utf8_lossy(&e.payload).into_owned(),
    };
    format!("type {} flags {} {}", e.r#type, e.flags, cut(payload))
}

// -- requests ------------------------------------------------------------------------------------

pub fn members(community_id: [u8; 32], cursor: Option<&str>, limit: u16) -> Asked {
    let cursor = cursor.map(str::to_owned);
    Asked::ListCommunityMembersPage(ListCommunityMembersPage { community_id, cursor, limit })
}

pub fn shares(id: [u8; 32], cursor: Option<&str>, limit: u16, since_unix: Option<u64>) -> Asked {
    let cursor = cursor.map(str::to_owned);
    let q = ListCommunitySharesPage { community_id: id, cursor, limit, since_unix };
    Asked::ListCommunitySharesPage(q)
}

pub fn search(community_id: [u8; 32], query: &str, cursor: Option<&str>, limit: u16) -> Asked {
    let (query, cursor) = (query.to_owned(), cursor.map(str::to_owned));
    Asked::SearchCommunityShares(SearchCommunitySharesReq { community_id, query, cursor, limit })
}

pub fn events(community_id: [u8; 32], since_cursor: Option<&str>, limit: u16) -> Asked {
    let since_cursor = since_cursor.map(str::to_owned);
    Asked::ListCommunityEvents(ListCommunityEventsReq { community_id, since_cursor, limit })
}

/// The cursor of an answer, whatever its type.
pub fn next(answer: &Envelope) -> Result<Option<String>> {
    let v: ciborium::Value = ciborium::from_reader(&*answer.payload)?;
    let map = v.into_map().ok().context("no map")?;
    let cursor = map.into_iter().find(|(k, _)| k.as_text() == Some("next_cursor"));
    Ok(cursor.and_then(|(_, v)| v.into_text().ok()))
}

pub fn entry_count(answer: &Envelope) -> Result<usize> {
    let v: ciborium::Value = ciborium::from_reader(&*answer.payload)?;
    let map = v.into_map().ok().context("no map")?;
    Ok(map.get(1).and_then(|(_, v)| v.as_array()).context("no list")?.len())
}

// -- records -------------------------------------------------------------------------------------

/// Titles and descriptions in which letter case is not ASCII's alone.
const TEXTS: [(Option<&str>, Option<&str>); 10] = [
    (Some("Aurora over Trondheim"), Some("Northern lights, long exposure")),
    (Some("ÄRGER im Überfluss"), None),
    (None, Some("only a description: STRASSE, Straße")),
    (Some("İstanbul'da Işık"), Some("dotted and dotless")),
    (Some("ΟΔΥΣΣΕΥΣ"), Some("Σίσυφος")),
    (None, None),
    (Some(""), Some("")),
    (Some("ПРИВЕТ мир"), Some("e\u{301}te\u{301} and \u{e9}t\u{e9}")),
    (Some("日本語のタイトル 🎵🎶"), Some("ﬁne ligature, Ǆ, ǅ, ǆ")),
    (Some("  spaces  and\ttabs "), Some("aurora in the text, not in the title")),
];

/// Members and shares in turn, each of its own key, in rising time and sequence.
fn records(community: [u8; 32], from: u64) -> Result<Vec<Value>> {
    (0..RECORDS)
        .map(|i| {
            let (key, n, at) = (&new_key(), i as u64 + 1, from + i as u64);
            if i % 2 == 0 {
                let is_left = i % 14 == 0;
                let status = if is_left {
                    CommunityMemberStatus::Left
                } else {
                    CommunityMemberStatus::Joined
                };
                return values::member(community, &Membership { key, seq: n, status, issued: at });
            }
            let (title, description) = TEXTS[i / 2 % TEXTS.len()];
            values::share(community, &Share { key, seq: n, updated: at, title, description })
        })
        .collect()
}

// -- what must be alike --------------------------------------------------------------------------

/// Follows the cursors from the start; the number of entries and of pages.
async fn walk(pair: &mut Pair, q: impl Fn(Option<&str>) -> Asked) -> Result<(usize, usize)> {
    let (mut cursor, mut entries, mut pages): (Option<String>, _, _) = (None, 0, 0);
    loop {
        let answer = pair.alike(&q(cursor.as_deref())).await?;
        let count = entry_count(&answer)?;
        (entries, pages) = (entries + count, pages + 1);
        cursor = next(&answer)?;
        if cursor.is_none() || count == 0 {
            return Ok((entries, pages));
        }
        ensure!(pages <= RECORDS, "the cursors never end");
    }
}

async fn walks(pair: &mut Pair, id: [u8; 32]) -> Result<()> {
    for (limit, pages) in [(7, 36), (200, 2), (u16::MAX, 2)] {
        let walked = walk(pair, |cursor| members(id, cursor, limit)).await?;
        ensure!(walked == (RECORDS / 2, pages), "members by {limit}: {walked:?}");
    }
    for (limit, pages) in [(9, 28), (50, 5), (u16::MAX, 3)] {
        let walked = walk(pair, |cursor| shares(id, cursor, limit, None)).await?;
        ensure!(walked == (RECORDS / 2, pages), "shares by {limit}: {walked:?}");
    }
    for (limit, pages) in [(11, 23), (u16::MAX, 5)] {
        let walked = walk(pair, |cursor| search(id, "", cursor, limit)).await?;
        ensure!(walked == (RECORDS / 2, pages), "hits by {limit}: {walked:?}");
    }
    // An answer with events has a cursor, so one more is asked for.
    for (limit, pages) in [(13, 40), (100, 6), (u16::MAX, 4)] {
        let walked = walk(pair, |cursor| events(id, cursor, limit)).await?;
        ensure!(walked == (RECORDS, pages), "events by {limit}: {walked:?}");
    }
    Ok(())
}

async fn cursors(pair: &mut Pair, id: [u8; 32]) -> Result<()> {
    let first: CommunityMembersPageResponse =
        core06::cbor::from_slice(&pair.alike(&members(id, None, 3)).await?.payload)?;
    let held = hex::encode(first.entries[1].member_node_pubkey);
    let of_shares: CommunitySharesPageResponse =
        core06::cbor::from_slice(&pair.alike(&shares(id, None, 3, None)).await?.payload)?;
    let held_share = hex::encode(of_shares.entries[1].share_id);
    let (low, high, middle) = ("00".repeat(32), "ff".repeat(32), "7f".repeat(32));
    let (upper, long, short) = (held.to_uppercase(), "7f".repeat(33), "7f".repeat(31));
    let odd = "7".repeat(63);
    let all = [&held, &held_share, &low, &high, &middle, &upper, &long, &short, &odd];
    let all = all.map(String::as_str).into_iter().chain(["", "0", "zz", "next", " 7f"]);
    for cursor in all {
        let prefixed = format!("0x{cursor}");
        for cursor in [cursor, &prefixed] {
            pair.alike(&members(id, Some(cursor), 2)).await?;
            pair.alike(&shares(id, Some(cursor), 2, None)).await?;
            pair.alike(&search(id, "a", Some(cursor), 2)).await?;
        }
    }
    for cursor in ["0", "1", "249", "499", "500", "007", "+5", "-1", " 5", "5 ", "", "x", "1e2"] {
        pair.alike(&events(id, Some(cursor), 3)).await?;
    }
    for cursor in ["18446744073709551616", "0x10", "٣", "0000000000000000000000000000000250"] {
        pair.alike(&events(id, Some(cursor), 3)).await?;
    }
    Ok(())
}

async fn limits(pair: &mut Pair, id: [u8; 32], from: u64) -> Result<()> {
    for limit in [0, 1, 49, 50, 51, 99, 100, 101, 199, 200, 201, 255, 256, u16::MAX] {
        pair.alike(&members(id, None, limit)).await?;
        pair.alike(&shares(id, None, limit, None)).await?;
        pair.alike(&search(id, "a", None, limit)).await?;
        if limit > 0 {
            pair.alike(&events(id, None, limit)).await?;
        }
    }
    let last = from + RECORDS as u64 - 1;
    for since in [0, from, from + 1, from + 250, last - 1, last, last + 1, u64::MAX] {
        pair.alike(&shares(id, None, 100, Some(since))).await?;
        walk(pair, |cursor| shares(id, cursor, 40, Some(since))).await?;
    }
    Ok(())
}

/// Queries whose letters change in number or form with their case.
const QUERIES: [&[&str]; 11] = [
    &["", " ", "aurora", "AURORA", "aurora over", "aurora  over", "trondheim", "none"],
    &["ä", "Ä", "ärger", "ÄRGER IM", "É", "é", "e\u{301}", "\u{301}"],
    &["strasse", "straße", "STRASSE", "STRAẞE", "ß", "SS"],
    &["i", "I", "İ", "ı", "istanbul", "i\u{307}stanbul"],
    &["ISTANBUL", "ışık", "IŞIK", "Işık"],
    &["οδυσσευς", "ΟΔΥΣΣΕΥΣ", "οδυσσευσ"],
    &["σ", "ς", "Σ", "σίσυφος", "ΣΊΣΥΦΟΣ", "Σ "],
    &["привет", "МИР", "日本", "🎵"],
    &["ﬁ", "fi", "ǆ", "Ǆ", "ǅ"],
    &["  spaces", "tabs ", "\t", "and\tTABS"],
    &["\0", ".*", "%", "*"],
];

async fn queries(pair: &mut Pair, id: [u8; 32]) -> Result<()> {
    for query in QUERIES.into_iter().flatten() {
        pair.alike(&search(id, query, None, 50)).await?;
    }
    walk(pair, |cursor| search(id, "aurora", cursor, 6)).await?;
    for bytes in [1000, 70_000] {
        pair.alike(&search(id, &"a".repeat(bytes), None, 50)).await?;
    }
    Ok(())
}

/// Requests that are not well-formed: both refuse them; the text of the error is each one's own.
async fn malformed(pair: &mut Pair, id: [u8; 32]) -> Result<()> {
    let ids = ciborium::Value::serialized(&id)?;
    let text = |t: &str| ciborium::Value::from(t);
    let short = ciborium::Value::serialized(&[1u8; 31].to_vec())?;
    let without_limit = vec![(text("community_id"), ids.clone()), (text("query"), text("a"))];
    let negative = vec![(text("community_id"), ids.clone()), (text("limit"), (-1).into())];
    let large = vec![(text("community_id"), ids), (text("limit"), 65_536.into())];
    let short = vec![(text("community_id"), short), (text("limit"), 1.into())];
    for map in [without_limit, negative, large, short, vec![]] {
        let mut payload = vec![];
        ciborium::into_writer(&ciborium::Value::Map(map), &mut payload)?;
        for message in [410, 412, 414, 416] {
            let theirs = pair.theirs.send_payload(message, payload.clone()).await?;
            let ours = pair.ours.send_payload(message, payload.clone()).await?;
            ensure!(theirs.flags & FLAG_ERROR != 0, "the reference answers a bad {message}");
            ensure!((ours.r#type, ours.flags) == (theirs.r#type, theirs.flags), "{message}");
        }
    }
    for message in [411, 413, 415, 417] {
        let q = members(id, None, 1).encode()?;
        let theirs = pair.theirs.send_payload(message, q.clone()).await?;
        let ours = pair.ours.send_payload(message, q).await?;
        ensure!(ours.flags == theirs.flags && ours.flags & FLAG_ERROR != 0, "{message} as request");
    }
    Ok(())
}

/// A community of members alone and one of shares alone: the other list is empty at both.
async fn one_sided(pair: &mut Pair) -> Result<()> {
    let (of_members, of_shares) = (random(), random());
    let (key, seq, at) = (&new_key(), 1, now() - 10);
    let status = CommunityMemberStatus::Joined;
    pair.store(&values::member(of_members, &Membership { key, seq, status, issued: at })?).await?;
    let (title, description) = (Some("alone"), None);
    let s = Share { key, seq, updated: at, title, description };
    pair.store(&values::share(of_shares, &s)?).await?;
    for id in [of_members, of_shares] {
        pair.alike(&members(id, None, 10)).await?;
        pair.alike(&shares(id, None, 10, None)).await?;
        pair.alike(&search(id, "", None, 10)).await?;
        pair.alike(&events(id, None, 10)).await?;
    }
    Ok(())
}

/// After a restart ours has lost nothing: every page is as before, events with their numbers. The
/// number of the next event may skip, and is above all that were given.
async fn after_restart(pair: &mut Pair, id: [u8; 32]) -> Result<()> {
    walks(pair, id).await?;
    let (key, seq, status) = (&new_key(), RECORDS as u64 + 1, CommunityMemberStatus::Joined);
    pair.store(&values::member(id, &Membership { key, seq, status, issued: now() })?).await?;
    let (ours, theirs) = pair.ask(&events(id, Some(&RECORDS.to_string()), 10)).await?;
    ensure!((entry_count(&ours)?, entry_count(&theirs)?) == (1, 1), "one new event");
    let number: usize = next(&ours)?.context("no cursor")?.parse()?;
    ensure!(number > RECORDS, "the number {number} was given before");
    Ok(())
}

async fn compare(c: &Context, theirs: At) -> Result<()> {
    let (dir, id, from) = (c.directory()?, random(), now() - 600);
    let ours = Relay::start(c, &dir, c.free_place(), &[]).await?;
    let mut pair = Pair { ours: Asker::new(ours.at), theirs: Asker::new(theirs) };
    let compared = async {
        let expiring = Expiring::store(&mut pair).await?;
        for (n, v) in records(id, from)?.iter().enumerate() {
            pair.store(v).await.with_context(|| format!("record {n}"))?;
        }
        walks(&mut pair, id).await?;
        cursors(&mut pair, id).await?;
        limits(&mut pair, id, from).await?;
        queries(&mut pair, id).await?;
        malformed(&mut pair, id).await?;
        one_sided(&mut pair).await?;
        if !c.is_reference() {
            differences::all(&mut pair, id).await?;
            expiring.check(&mut pair).await.context("an expired member")?;
        }
        Ok(())
    };
    let compared = compared.await;
    let stopped = ours.stop().await;
    compared.and(stopped).map_err(|e: anyhow::Error| e.context(LogTail(ours.tail())))?;
    if c.is_reference() {
        return Ok(());
    }
    let ours = Relay::start(c, &dir, c.free_place(), &[]).await?;
    pair.ours = Asker::new(ours.at);
    let compared = after_restart(&mut pair, id).await.context("after a restart");
    let stopped = ours.stop().await;
    compared.and(stopped).map_err(|e| e.context(LogTail(ours.tail())))
}

/// The same records at ours and at reference 0.6.0; its side always over QUIC, where a request
/// does not wait for a delayed ACK.
pub async fn index(c: &Context) -> Result<String> {
    let (program, place, dir) = (c.other(Dialect::C)?, c.free_place(), c.directory()?);
    let theirs = Relay::start_as(c, (program, true), &dir, place, &[]).await?;
    let compared = compare(c, At::quic(place.quic)).await;
    theirs.kill().await?;
    compared?;
    Ok(if c.is_reference() { "the reference against itself".into() } else { String::new() })
}
