// SPDX-License-Identifier: MPL-2.0
//! What the crate's own store writes into its database, read back row by row; and peer addresses.
use crate::out::{File, Line, id, sample_peers};
use anyhow::{Result, ensure};
use scp2p_core::{Capabilities, PeerRecord, PersistedState, SqliteStore, Store, cbor};
use std::collections::{BTreeMap, HashMap};

fn records() -> Vec<PeerRecord> {
    let relay = Capabilities { dht: true, relay: true, ..Capabilities::default() };
    let all = sample_peers().into_iter().enumerate();
    all.map(|(i, (_, addr))| PeerRecord {
        addr,
        last_seen_unix: 1_700_000_000 + i as u64,
        capabilities: (i % 2 == 1).then(|| relay.clone()),
        capabilities_seen_at: (i % 2 == 1).then_some(1_700_000_000),
        reputation_score: [0, 10, -10, -1, 5][i % 5],
    })
    .collect()
}

pub async fn file() -> Result<File> {
    let mut f = File::new(
        "State: rows of the metadata and peers tables as the crate writes them, and peer addresses",
    );
    for (name, p) in sample_peers() {
        f.add(Line::new("peer", name, &cbor::to_vec(&p)?).peer(&p));
    }
    let dir = std::env::temp_dir().join(format!("scp2p-vectors-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let rows = rows(&dir.join("state.db")).await;
    std::fs::remove_dir_all(&dir)?;
    let (peers, metadata) = rows?;
    for (r, (name, _)) in records().iter().zip(sample_peers()) {
        let key = format!("{}:{}:{:?}", r.addr.ip, r.addr.port, r.addr.transport);
        let payload = peers.get(&key).ok_or_else(|| anyhow::anyhow!("no row {key}"))?;
        let l = Line::new("peer_record", name, payload)
            .word("addr_key", &key)
            .b("addr", &cbor::to_vec(&r.addr)?);
        let l = l.n("last_seen_unix", r.last_seen_unix).n("reputation_score", r.reputation_score);
        let l = l.opt_n("capabilities_seen_at", r.capabilities_seen_at);
        f.add(match &r.capabilities {
            None => l.word("capabilities", "null"),
            Some(c) => l.word("capabilities", "true").caps(c),
        });
    }
    f.add(Line::new("node_key", "row", &metadata["node_key"]).b("seed", &id("node seed")));
    f.add(Line::new("schema_version", "row", &metadata["schema_version"]).n("version", 2));
    let pinned = |name: &str, bytes: &[u8], pins: &BTreeMap<String, [u8; 32]>| {
        let mut l = Line::new("pinned_bootstrap_keys", name, bytes).n("pins", pins.len() as u64);
        for (i, (k, v)) in pins.iter().enumerate() {
            l = l.b(&format!("entry{i}"), k.as_bytes()).b(&format!("key{i}"), v);
        }
        l
    };
    f.add(pinned("none", &cbor::to_vec(&HashMap::<String, [u8; 32]>::new())?, &BTreeMap::new()));
    let one = BTreeMap::from([pin()]);
    f.add(pinned("one_row", &metadata["pinned_bootstrap_keys"], &one));
    let three = BTreeMap::from([
        pin(),
        ("quic://[2001:db8::9]:7000".into(), [255; 32]),
        ("192.0.2.1:7001".into(), [0; 32]),
    ]);
    let bytes = cbor::to_vec(&three)?;
    let back: HashMap<String, [u8; 32]> = cbor::from_slice(&bytes)?;
    ensure!(back.len() == 3);
    f.add(pinned("three", &bytes, &three));
    Ok(f)
}

fn pin() -> (String, [u8; 32]) {
    ("tcp://seed1.example.com:7001".into(), id("pinned"))
}

type Rows = (BTreeMap<String, Vec<u8>>, BTreeMap<String, Vec<u8>>);

async fn rows(path: &std::path::Path) -> Result<Rows> {
    let store = SqliteStore::open(path)?;
    let state = PersistedState {
        peers: records(),
        node_key: Some(id("node seed")),
        pinned_bootstrap_keys: HashMap::from([pin()]),
        ..PersistedState::default()
    };
    store.save_state(&state).await?;
    let db = rusqlite::Connection::open(path)?;
    let read = |sql: &str| -> Result<BTreeMap<String, Vec<u8>>> {
        let mut q = db.prepare(sql)?;
        let rows = q.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    Ok((read("SELECT addr_key, payload FROM peers")?, read("SELECT key, payload FROM metadata")?))
}
