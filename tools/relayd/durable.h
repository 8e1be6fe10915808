/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Moves the DHT's durable state between actors/dht and actors/storage: values, event numbers of
 * communities, peers, pinned keys and the records about them. Rows are written asynchronously when
 * the DHT reports a change, and read once, before threads start.
 */
#ifndef RELAYD_DURABLE_H
#define RELAYD_DURABLE_H

#include "abi/relay_transport.h" /* struct relay_error */
#include "base/err.h"

struct dht_disk;
struct relay;

/* The DHT's way to the disk; used once the storage is started. */
struct dht_disk durable_disk(struct relay *r);

/* Gives the DHT what is on disk: with the storage started and the DHT made, before threads run.
 * What has expired is left out; peers not seen for LIM_PEER_FORGET_S are forgotten on disk too. */
RT_MUST_CHECK rt_err durable_load(struct relay *r, struct relay_error *err);

#endif
