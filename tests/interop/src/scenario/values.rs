// SPDX-License-Identifier: MPL-2.0
//! The table of values and dialects: which values a client of a dialect may store, and to whom
//! they are given.
use crate::client::*;
use crate::crates::Dialect;
use crate::relay::{Context, Relay, with};
use crate::values::{self, Kind, Value};
use anyhow::{Context as _, Result, bail, ensure};
use scp2p_core::BoxedStream;
use scp2p_core::wire::*;
use std::collections::BTreeMap;

/// More than there are announcements here.
const TURNS: usize = 8;
const UNKNOWN: &str = "does not match any recognized keyspace";

/// One session of each dialect, each with a key of its own.
struct Clients(BTreeMap<Dialect, BoxedStream>);

impl Clients {
    async fn connect(c: &Context, relay: &Relay) -> Result<Self> {
        let mut all = BTreeMap::new();
        for d in c.dialects() {
            let session = d.published().session(relay.at, &new_key(), None).await;
            all.insert(d, session.with_context(|| d.version().to_owned())?.0);
        }
        Ok(Self(all))
    }

    /// The error text, or none where it is accepted.
    async fn store(&mut self, d: Dialect, v: &Value) -> Result<Option<String>> {
        let s = self.0.get_mut(&d).context("no such client")?;
        Ok(error_text(&ask_typed(s, 1, &v.store()).await?))
    }

    async fn find(&mut self, d: Dialect, key: [u8; 32]) -> Result<Option<Vec<u8>>> {
        let s = self.0.get_mut(&d).context("no such client")?;
        let r = ask_typed(s, 1, &WirePayload::FindValue(FindValue { key })).await?;
        ensure!(error_text(&r).is_none(), "FindValue: {:?}", error_text(&r));
        // A typed decoding would take the answer for a request.
        let found: FindValueResult = scp2p_core::cbor::from_slice(&r.payload)?;
        Ok(found.value.map(|v| v.value))
    }
}

/// Of each kind, from every client: accepted exactly from the dialects that know it, announcements
/// of a form that the session's dialect does not know from none of the reference relays but from
/// all by ours; given exactly to the dialects that know it.
pub async fn table(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let mut clients = Clients::connect(c, relay).await?;
        let mut accepted = 0;
        for kind in Kind::ALL {
            for from in c.dialects() {
                let what = format!("{kind:?} from {}", from.version());
                let v = values::sample(kind, random())?;
                let is_ours = kind.is_announcement() && !c.is_reference();
                let refusal = clients.store(from, &v).await.context(what.clone())?;
                if !kind.is_of(from) && !is_ours {
                    let text = refusal.with_context(|| format!("{what} was accepted"))?;
                    let is_said = kind.is_announcement() || text.contains(UNKNOWN);
                    ensure!(is_said || !c.is_reference(), "{what}: refused with \"{text}\"");
                    ensure!(!text.contains("rate limit"), "{what}: refused with \"{text}\"");
                    continue;
                }
                if let Some(text) = refusal {
                    bail!("{what} was refused: {text}");
                }
                accepted += 1;
                given_to_its_own(&mut clients, kind, &v).await.context(what)?;
            }
        }
        if !c.is_reference() {
            one_key(&mut clients).await?;
            both_forms(&mut clients).await?;
        }
        Ok(format!("{accepted} accepted"))
    })
    .await
}

async fn given_to_its_own(clients: &mut Clients, kind: Kind, v: &Value) -> Result<()> {
    let dialects: Vec<Dialect> = clients.0.keys().copied().collect();
    for to in dialects {
        // Announcements of a key are given in turn, and few keys are shared by all of them.
        let turns = if kind.is_announcement() { TURNS } else { 1 };
        let mut is_given = false;
        for _ in 0..turns {
            let found = clients.find(to, v.key).await?;
            if let (true, Some(found)) = (kind.is_announcement(), &found) {
                to.published().check_announcement(found)?;
            }
            is_given |= found.as_ref() == Some(&v.bytes);
        }
        ensure!(is_given == kind.is_of(to), "given to {}: {is_given}", to.version());
    }
    Ok(())
}

/// The member list of 0.3.2 and the hint of later crates have the same key: both are held, and
/// each client is given the one it knows.
async fn one_key(clients: &mut Clients) -> Result<()> {
    let community = random();
    let list = values::sample(Kind::CommunityMembers, community)?;
    let hint = values::sample(Kind::Hint, community)?;
    ensure!(list.key == hint.key, "two keys");
    ensure!(clients.store(Dialect::A, &list).await?.is_none(), "the list was refused");
    ensure!(clients.store(Dialect::C, &hint).await?.is_none(), "the hint was refused");
    for (d, v) in [(Dialect::A, &list), (Dialect::B, &hint), (Dialect::C, &hint)] {
        let found = clients.find(d, v.key).await?;
        ensure!(found.as_ref() == Some(&v.bytes), "{} is given {found:?}", d.version());
    }
    Ok(())
}

/// Announcements of both forms under one rendezvous key: every request, also a repeated one, gets a
/// form that verifies.
async fn both_forms(clients: &mut Clients) -> Result<()> {
    let of5 = values::sample(Kind::AnnouncementOf5, random())?;
    let mut others = (0..1000).map_while(|_| values::sample(Kind::AnnouncementOf8, random()).ok());
    let of8 = others.find(|v| v.key == of5.key).context("no two relays with one key")?;
    for v in [&of5, &of8] {
        ensure!(clients.store(Dialect::B, v).await?.is_none(), "an announcement was refused");
    }
    for d in Dialect::ALL {
        for _ in 0..4 {
            let found = clients.find(d, of5.key).await?;
            let found = found.with_context(|| format!("nothing for {}", d.version()))?;
            d.published().check_announcement(&found).with_context(|| format!("{d:?}"))?;
        }
    }
    Ok(())
}
