/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The database of peers by address (protocol: messages 100 and 101; State database). Pure; time is
 * unix seconds.
 *
 * A record is *alive* from a dial at which a peer authenticated until a dial fails. Only alive
 * records seen within LIM_PEER_FRESH_S are passed on, and only to peers of a dialect that the
 * record has. Only records that were ever alive are saved. All others are candidates: addresses
 * named by other peers, or loaded from disk.
 *
 * Reputation: +1 for a success, -2 for a failure (while any peer is reachable), between -10 and 10,
 * as in the reference. A record is dropped at -10, or LIM_PEER_FORGET_S after it was last seen. At
 * most LIM_PEERS_MAX records: the oldest candidate that was never reached is evicted, else a
 * candidate that was reached, else the peer seen least recently. So a flood of false addresses
 * evicts no reached peer. Candidates of both kinds are returned in turn.
 *
 * Time: O(1) per operation, O(max) for a sample.
 */
#ifndef DHT_PEER_DB_H
#define DHT_PEER_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "wire_dialect.h"
#include "wire_state.h"

struct dht_peers;

/* Saves changes to disk. May be NULL. A change of the seen time alone is saved once an hour.
 * dialects: spoken by the peer; last: the dialect to dial first. */
struct dht_peers_sink {
    void (*put)(void *ctx, const struct wire_peer_row *row, uint8_t dialects,
                enum wire_dialect last);
    void (*drop)(void *ctx, const struct wire_peer_hop *hop);
    void *ctx;
};

struct dht_peers *dht_peers_new(const uint8_t hash_key[16], uint64_t (*random)(void *ctx),
                                void *random_ctx);
void dht_peers_free(struct dht_peers **p);
void dht_peers_set_sink(struct dht_peers *p, const struct dht_peers_sink *sink);

/* Adds a row from disk as a candidate. dialects 0: not known, so the row's capabilities determine
 * the dialect of the first dial. False: too old, or there is no room. */
bool dht_peers_load(struct dht_peers *p, const struct wire_peer_row *row, uint8_t dialects,
                    enum wire_dialect last, uint64_t now_s);

/* Call when the peer was reached and authenticated in a dialect, with its key in the hop. dialects:
 * spoken by the peer. capabilities: of its hello, or NULL. Returns the previous seen time; 0: none.
 */
uint64_t dht_peers_seen(struct dht_peers *p, const struct wire_peer_hop *hop,
                        enum wire_dialect dialect, uint8_t dialects,
                        const struct wire_capabilities *capabilities, uint64_t now_s);
/* A dial or a request in this dialect failed, or another key answered; WIRE_DIALECTS: a call of any
 * dialect. Unknown addresses are ignored. True: two failures in this dialect with a reply in
 * another in between, so the dialect now counts as refused. */
bool dht_peers_failed(struct dht_peers *p, const struct wire_peer_hop *hop,
                      enum wire_dialect dialect, uint64_t now_s);
/* The peer does not speak this dialect. For LIM_REFUSED_NS the dialect is ignored in its marker. */
void dht_peers_refused(struct dht_peers *p, const struct wire_peer_hop *hop,
                       enum wire_dialect dialect, uint64_t now_s);
/* The dialects that a peer claims on a session of `dialect`, without those that it refused. */
uint8_t dht_peers_spoken(const struct dht_peers *p, const struct wire_peer_hop *hop,
                         enum wire_dialect dialect, uint8_t claimed, uint64_t now_s);
/* A peer that speaks this dialect named the address. True: the address is new. */
bool dht_peers_heard(struct dht_peers *p, const struct wire_peer_hop *hop,
                     enum wire_dialect dialect, uint64_t now_s);
/* The dialect of the first dial to an address: C if spoken there or if the address is unknown. Else
 * the last one spoken there, or that of the peer that named the address. */
enum wire_dialect dht_peers_dialect(const struct dht_peers *p, const struct wire_peer_hop *hop);

/* Returns a candidate to dial now. It is returned again after ten minutes at the earliest. Each
 * failure doubles that time, up to a day. False: none is due. */
bool dht_peers_candidate(struct dht_peers *p, uint64_t now_s, struct wire_peer_hop *out);

/* Up to max random peers that speak the dialect, are alive and fresh, with their keys. */
uint32_t dht_peers_sample(struct dht_peers *p, enum wire_dialect dialect, uint32_t max,
                          uint64_t now_s, struct wire_peer_hop *out);

/* Drops records that are too old. Checks at most `max` records. */
void dht_peers_expire(struct dht_peers *p, uint64_t now_s, uint32_t max);
/* Drops records for which keep returns false, for a change of our scope. */
void dht_peers_filter(struct dht_peers *p, bool (*keep)(void *ctx, const struct wire_peer_hop *hop),
                      void *ctx);

bool dht_peers_is_alive(const struct dht_peers *p, const struct wire_peer_hop *hop);
int32_t dht_peers_reputation(const struct dht_peers *p, const struct wire_peer_hop *hop);
uint32_t dht_peers_count(const struct dht_peers *p);
uint32_t dht_peers_alive(const struct dht_peers *p);

#endif
