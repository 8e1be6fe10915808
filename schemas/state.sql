-- SPDX-License-Identifier: MPL-2.0
-- The state database, relay.db. The relay runs this file, in one transaction, on a database of an
-- earlier version: 0 (a new one, or one that another SCP2P relay has made), 1 or 2. The file makes
-- missing tables and changes nothing else. Before that, actors/storage/migrate.c adds columns that
-- tables of an earlier version lack: relay_values.event, to a database of version 2.
--
-- An operator may stop one implementation and start another on the same directory, so the first two
-- tables have the published relay's shape, column for column, and its rows are left alone.

-- Values under fixed names, each a CBOR item unless said otherwise:
--   node_key               array of 32 integers: the Ed25519 seed of the relay's identity
--   encrypted_node_key     another program's: a node_key locked with a passphrase; refused
--   pinned_bootstrap_keys  map: bootstrap entry as written -> array of 32 integers
--   schema_version         4 bytes, little-endian, not CBOR: the published relay's own count. We
--                          never write it: where it is found, that relay makes none of its tables.
CREATE TABLE IF NOT EXISTS metadata (
    key TEXT PRIMARY KEY,
    payload BLOB NOT NULL
);

-- Known peers. addr_key: ip:port:Tcp or ip:port:Quic, IPv6 without brackets. payload: CBOR map
-- {addr, last_seen_unix, capabilities, capabilities_seen_at, reputation_score}.
CREATE TABLE IF NOT EXISTS peers (
    addr_key TEXT PRIMARY KEY,
    payload BLOB NOT NULL
);

-- From here on tables of our own.

-- Random bytes that must survive restarts. name: relay:slot (32 bytes, from which slot ids are
-- made), dht (16 bytes, the key of hashes in relay_values), plugin:TRANSPORT/NAME (what a transport
-- asked for).
CREATE TABLE IF NOT EXISTS relay_secrets (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
);

-- Values stored for the DHT (since version 2). key, sub: 32 bytes each; sub tells apart values
-- under one key and is zeros where there can be only one. expires_at: unix seconds. origin_peer and
-- origin_net: keyed hashes of who stored it and of its network. event (since version 3): of records
-- of communities the number of their last event, else 0.
CREATE TABLE IF NOT EXISTS relay_values (
    key BLOB NOT NULL,
    sub BLOB NOT NULL,
    value BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    origin_peer INTEGER NOT NULL,
    origin_net INTEGER NOT NULL,
    event INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (key, sub)
);
CREATE INDEX IF NOT EXISTS relay_values_by_expiry ON relay_values (expires_at);

-- Event numbers of communities (since version 3): no event of this community has a number above
-- mark. expires_at: unix seconds.
CREATE TABLE IF NOT EXISTS relay_communities (
    community_id BLOB PRIMARY KEY,
    mark INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);

-- Dialects of rows in peers (since version 3). dialects: a set, bit 0 is A, 1 is B, 2 is C. last:
-- the bit number of the dialect in which the peer was last reached. A row is deleted if the
-- published relay has removed its peer.
CREATE TABLE IF NOT EXISTS relay_peer_dialects (
    addr_key TEXT PRIMARY KEY,
    dialects INTEGER NOT NULL,
    last INTEGER NOT NULL
);

-- Rotations and revocations of pinned keys (since version 3), kept as long as the pin. key: the
-- record's key in the DHT. value: the whole record, tag included.
CREATE TABLE IF NOT EXISTS relay_identity_records (
    key BLOB PRIMARY KEY,
    value BLOB NOT NULL
);

-- Our version; the published relay leaves this number alone.
PRAGMA user_version = 3;
