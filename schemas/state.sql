-- SPDX-License-Identifier: MPL-2.0
-- The state database, relay.db: this file is what the relay runs, in one transaction, on a database
-- of an earlier version: of 0 (a new one, or one that another SCP2P relay has made) or of 1. It
-- makes what is not there and changes nothing that is.
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
-- origin_net: keyed hashes of who stored it and of its network.
CREATE TABLE IF NOT EXISTS relay_values (
    key BLOB NOT NULL,
    sub BLOB NOT NULL,
    value BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    origin_peer INTEGER NOT NULL,
    origin_net INTEGER NOT NULL,
    PRIMARY KEY (key, sub)
);
CREATE INDEX IF NOT EXISTS relay_values_by_expiry ON relay_values (expires_at);

-- Our version; the published relay leaves this number alone.
PRAGMA user_version = 2;
