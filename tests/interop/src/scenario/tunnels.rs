// SPDX-License-Identifier: MPL-2.0
//! Slots and tunnels: what is refused, what outlives a connection, whose answer is whose.
use crate::client::*;
use crate::peers::*;
use crate::relay::{Context, with};
use crate::stream::{At, Raw};
use anyhow::{Context as _, Result, bail, ensure};
use scp2p_core::wire::*;
use scp2p_core::{Capabilities, handshake_initiator, read_envelope};
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const SOON: Duration = Duration::from_secs(5);
/// In which the relay notices a FIN.
const A_MOMENT: Duration = Duration::from_millis(100);

fn chunk(req_id: u32, payload: Vec<u8>) -> Vec<u8> {
    Envelope { r#type: 500, req_id, flags: 0, payload }.encode().expect("an envelope encodes")
}

/// A requester whose connection is ours to half-close or cut.
async fn requester(relay: At) -> Result<Raw> {
    let mut s = Raw::open(relay, None).await?;
    handshake_initiator(&mut s, &new_key(), Capabilities::default(), random(), None).await?;
    Ok(s)
}

pub async fn unknown_slot(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let mut s = dial(relay.at, &new_key(), None).await?;
        for slot in [1, u64::MAX] {
            let text = through(&mut s, slot, 3, &chunk(1, vec![])).await?.refusal()?;
            ensure!(c.is_reference() || text.contains("not found"), "text {text:?}");
        }
        let live = echo_owner(relay.at).await?;
        through(&mut s, live.slot, 4, &chunk(1, vec![])).await?.answer()?;
        Ok(String::new())
    })
    .await
}

pub async fn node_back(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let key = new_key();
        let mut s = dial(relay.at, &new_key(), None).await?;
        let first = owner(relay.at, &key, echo).await?;
        let slot = first.slot;
        for round in 0..5u32 {
            let node = owner(relay.at, &key, echo).await?;
            ensure!(node.slot == slot, "slot {} instead of {slot}", node.slot);
            visit(relay.at, slot, 100).await?;
            drop(node);
            tokio::time::sleep(A_MOMENT).await;
            through(&mut s, slot, round, &chunk(round, vec![1])).await?.answer()?;
        }
        drop(first);
        tokio::time::sleep(A_MOMENT).await;
        let text = through(&mut s, slot, 50, &chunk(1, vec![])).await?.refusal()?;
        ensure!(text.contains("not found") || text.contains("closed"), "text {text:?}");
        let back = owner(relay.at, &key, echo).await?;
        ensure!(back.slot == slot, "slot {} after a break instead of {slot}", back.slot);
        through(&mut s, slot, 51, &chunk(1, vec![])).await?.answer()?;
        let other = echo_owner(relay.at).await?;
        ensure!(other.slot != slot, "two identities with one slot");
        Ok(String::new())
    })
    .await
}

/// The newest of up to three is used; when it goes the next takes over; a fourth ends the oldest.
pub async fn links(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let key = new_key();
        let mut all = vec![];
        for n in 1..=4u8 {
            all.push(owner(relay.at, &key, move |q| ready(Some(reply(&q, vec![n])))).await?);
        }
        all[0].closed(SOON).await.context("oldest of four")?;
        ensure!(all.iter().all(|o| o.slot == all[0].slot), "several slots");
        for n in (2..=4u8).rev() {
            let r = visit(relay.at, all[0].slot, 10).await?;
            ensure!(r.payload == [n], "answered by {:?} instead of {n}", r.payload);
            drop(all.pop());
            tokio::time::sleep(A_MOMENT).await;
        }
        Ok(String::new())
    })
    .await
}

pub async fn temporary_slot(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let key = new_key();
        let mut holder = dial(relay.at, &key, None).await?;
        let slot = register(&mut holder, None, false).await?;
        ensure!(register(&mut holder, Some(slot), false).await? == slot, "renewed as another");
        let mut guest = dial(relay.at, &new_key(), None).await?;
        ensure!(register(&mut guest, Some(slot), false).await.is_err(), "taken by another");
        let say = |kind, size: usize| {
            let payload = vec![7; size];
            WirePayload::RelayStream(RelayStream {
                relay_slot_id: slot,
                stream_id: 9,
                kind,
                payload,
            })
        };
        let control = say(RelayPayloadKind::Control, 64);
        let early = ask_typed(&mut holder, 2, &control).await?;
        ensure!(error_text(&early).context("no requester yet")?.contains("requester"));
        let connect = WirePayload::RelayConnect(RelayConnect { relay_slot_id: slot });
        let r = ask_typed(&mut guest, 3, &connect).await?;
        ensure!(r.r#type == 452 && r.flags == 1 && r.payload.is_empty(), "RelayConnect");
        for s in [&mut holder, &mut guest] {
            let r = ask_typed(s, 4, &control).await?;
            ensure!(r.r#type == 453 && r.decode_typed()? == control, "control is not echoed");
        }
        let mut stranger = dial(relay.at, &new_key(), None).await?;
        let r = ask_typed(&mut stranger, 5, &control).await?;
        ensure!(error_text(&r).context("a stranger")?.contains("unauthorized"));
        let r = ask_typed(&mut guest, 6, &say(RelayPayloadKind::Content, 64)).await?;
        ensure!(error_text(&r).is_some(), "content without a tunnel");
        let r = ask_typed(&mut guest, 7, &say(RelayPayloadKind::Control, 128 * 1024 + 1)).await?;
        ensure!(error_text(&r).is_some(), "control of more than 128 KiB");
        let missing = WirePayload::RelayConnect(RelayConnect { relay_slot_id: slot ^ 1 });
        ensure!(error_text(&ask_typed(&mut guest, 8, &missing).await?).is_some());
        for n in 0..3 {
            register(&mut holder, None, false).await.with_context(|| format!("slot {n} more"))?;
        }
        ensure!(register(&mut holder, None, false).await.is_err(), "a fifth slot for one key");
        Ok(String::new())
    })
    .await
}

pub async fn max_tunnels(c: &Context) -> Result<String> {
    with(c, &["--max-tunnels", "2"], async |relay| {
        let key = new_key();
        let first = owner(relay.at, &key, echo).await?;
        let second = echo_owner(relay.at).await?;
        let mut s = dial(relay.at, &new_key(), None).await?;
        let e = register(&mut s, None, true).await.err().context("a third was registered")?;
        let text = e.to_string();
        ensure!(text.contains("max_tunnels") || text.contains("full"), "{text}");
        let again = owner(relay.at, &key, echo).await.context("another link of the first")?;
        for o in [&first, &second] {
            visit(relay.at, o.slot, 10).await?;
        }
        drop(second);
        tokio::time::sleep(A_MOMENT).await;
        let third = echo_owner(relay.at).await.context("after one left")?;
        visit(relay.at, third.slot, 10).await?;
        drop((first, again));
        relay.has_counted(&["tunnels_full"]).await?;
        Ok(text)
    })
    .await
}

/// Inner frames up to the limit pass both ways; larger answers become an error, the tunnel stays.
pub async fn sizes(c: &Context) -> Result<String> {
    const INNER_MAX: usize = 1024 * 1024 - 65;
    with(c, &[], async |relay| {
        let node = owner(relay.at, &new_key(), async |q| {
            let wanted = q.payload.first_chunk().map_or(0, |b| u32::from_be_bytes(*b) as usize);
            if wanted == 0 {
                return echo(q).await;
            }
            // A frame of exactly `wanted` bytes, head included.
            let head = reply(&q, vec![0; wanted]).len() - wanted;
            Some(reply(&q, vec![0x5a; wanted - head]))
        })
        .await?;
        let mut s = dial(relay.at, &new_key(), None).await?;
        let head = chunk(1, vec![0; 70_000]).len() - 70_000;
        for size in [0, 1, 23, 256, 65_535, 65_536, 500_000, INNER_MAX - head] {
            let payload = vec![0; size];
            let r = through(&mut s, node.slot, 1, &chunk(1, payload.clone())).await?.answer();
            ensure!(r.with_context(|| format!("{size} bytes"))?.payload == payload, "{size} bytes");
        }
        for (wanted, passes) in [
            (INNER_MAX - 1, true),
            (INNER_MAX, true),
            (INNER_MAX + 66, false),
            (1_500_000, false),
            (2 * 1024 * 1024, false),
            (1000, true),
        ] {
            let q = chunk(2, (wanted as u32).to_be_bytes().to_vec());
            match through(&mut s, node.slot, 2, &q).await? {
                Relayed::Answer(e) if passes => ensure!(e.payload.len() + 50 > wanted),
                Relayed::Refused(text) if !passes => {
                    ensure!(text.contains("too large"), "{wanted}: {text}");
                }
                _ => bail!("an answer of {wanted} bytes"),
            }
        }
        ensure!(node.is_connected(), "the tunnel went");
        Ok(String::new())
    })
    .await
}

/// A frame from a node that owes none ends its connection, and no requester hears it.
pub async fn unasked_frame(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let mut s = dial(relay.at, &new_key(), None).await?;
        register(&mut s, None, true).await?;
        let idle = Envelope { r#type: 500, req_id: 1, flags: FLAG_RESPONSE, payload: vec![] };
        write_frame(&mut s, &idle.encode()?).await?;
        until_closed(&mut s, SOON).await?;
        let mut node = dial(relay.at, &new_key(), None).await?;
        let slot = register(&mut node, None, true).await?;
        let answers_twice = tokio::spawn(async move {
            let frame = echo(read_envelope(&mut node).await?).await.context("no echo")?;
            write_frame(&mut node, &frame).await?;
            write_frame(&mut node, &frame).await?;
            until_closed(&mut node, SOON).await
        });
        let mut requester = dial(relay.at, &new_key(), None).await?;
        let r = through(&mut requester, slot, 1, &chunk(7, vec![1, 2])).await?.answer()?;
        ensure!(r.req_id == 7 && r.payload == [1, 2], "another answer");
        answers_twice.await?.context("a node that answers twice")?;
        relay.has_counted(&["tunnels_unasked_frame_total"]).await?;
        let live = echo_owner(relay.at).await?;
        through(&mut requester, live.slot, 2, &chunk(8, vec![])).await?.answer()?;
        Ok(String::new())
    })
    .await
}

/// Requesters vanish (FIN, or RST and CONNECTION_CLOSE) with requests queued and written; the
/// others get their own answers.
pub async fn requester_leaves(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let open = Arc::new(AtomicBool::new(false));
        let gate = open.clone();
        let node = owner(relay.at, &new_key(), move |q| {
            let gate = gate.clone();
            async move {
                while !gate.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                echo(q).await
            }
        })
        .await?;
        let mut waiting = vec![];
        for n in 0..12u32 {
            let mut s = requester(relay.at).await?;
            let q = relay_stream(node.slot, n, &chunk(1, n.to_be_bytes().to_vec()))?;
            write_frame(&mut s, &q.encode()?).await?;
            waiting.push((n, s));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut stay = vec![];
        for (n, mut s) in waiting {
            match n % 3 {
                0 => stay.push((n, s)),
                1 => s.shutdown().await?,
                _ => s.cut()?,
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        open.store(true, Ordering::Relaxed);
        for (n, mut s) in stay {
            let frame =
                tokio::time::timeout(SOON, read_frame(&mut s)).await.context("no answer")??;
            let r = Envelope::decode(&frame)?;
            let WirePayload::RelayStream(m) = r.decode_typed()? else { bail!("no RelayStream") };
            let inner = Envelope::decode(&m.payload)?;
            ensure!(r.req_id == n && inner.payload == n.to_be_bytes(), "another's answer");
        }
        visit(relay.at, node.slot, 5).await?;
        Ok(String::new())
    })
    .await
}

/// A requester that half-closes after its request still gets the answer.
pub async fn half_close(c: &Context) -> Result<String> {
    with(c, &[], async |relay| {
        let node = owner(relay.at, &new_key(), async |q| {
            tokio::time::sleep(Duration::from_millis(200)).await;
            echo(q).await
        })
        .await?;
        let mut s = requester(relay.at).await?;
        let q = relay_stream(node.slot, 3, &chunk(5, vec![0x11; 100_000]))?;
        write_frame(&mut s, &q.encode()?).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        s.shutdown().await?;
        let frame = tokio::time::timeout(SOON, read_frame(&mut s)).await.context("no answer")??;
        ensure!(Envelope::decode(&frame)?.req_id == 3, "another answer");
        until_closed(&mut s, SOON).await?;
        Ok(String::new())
    })
    .await
}
