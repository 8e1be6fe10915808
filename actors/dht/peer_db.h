/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The peers we know by address (protocol: messages 100 and 101; State database). Pure; time is unix
 * seconds.
 *
 * A record is *alive* once we have dialled the address and a peer authenticated there, until a dial
 * fails. Only records that are alive and were seen within LIM_PEER_FRESH_S are ever passed on, and
 * only to askers whose dialect they speak; only those that were alive once are saved. All others
 * are candidates: addresses that others have named, or that an earlier run knew.
 *
 * Reputation: +1 for a success, -2 for a failure (while anybody can be reached), between -10 and
 * 10, as the reference counts it; at -10, or LIM_PEER_FORGET_S after it was last seen, a record
 * goes. At most LIM_PEERS_MAX records: the address heard of first and never reached makes room, or
 * else a candidate once reached, or else the peer seen least recently; so a flood of false
 * addresses costs us nothing we know. Candidates of both kinds are given in turn.
 *
 * Cost: O(1) per operation, O(max) for a sample.
 */
#ifndef DHT_PEER_DB_H
#define DHT_PEER_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "wire_dialect.h"
#include "wire_state.h"

struct dht_peers;

/* What is to be on disk. May be NULL. A seen time alone is told once an hour. dialects: those that
 * the peer speaks; last: the one last spoken with it. */
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

/* A row from disk: a candidate. dialects 0: not known, so that the row's capabilities say where to
 * begin. False: too old, or there is no room. */
bool dht_peers_load(struct dht_peers *p, const struct wire_peer_row *row, uint8_t dialects,
                    enum wire_dialect last, uint64_t now_s);

/* Reached and authenticated in a dialect, with its key in the hop; dialects: those that it speaks.
 * Returns when it was last seen before that; 0: never. capabilities: what its hello says, or NULL.
 */
uint64_t dht_peers_seen(struct dht_peers *p, const struct wire_peer_hop *hop,
                        enum wire_dialect dialect, uint8_t dialects,
                        const struct wire_capabilities *capabilities, uint64_t now_s);
/* A dial or a request in this dialect failed, or another key answered; WIRE_DIALECTS: in whichever
 * the peer speaks. Unknown addresses are ignored. True: it failed twice in this dialect and
 * answered in another between, so that it counts as refused. */
bool dht_peers_failed(struct dht_peers *p, const struct wire_peer_hop *hop,
                      enum wire_dialect dialect, uint64_t now_s);
/* The peer there does not speak this dialect: its marker is not believed in this for
 * LIM_REFUSED_NS. */
void dht_peers_refused(struct dht_peers *p, const struct wire_peer_hop *hop,
                       enum wire_dialect dialect, uint64_t now_s);
/* Of the dialects that a peer claims on a session of `dialect` those that it has not refused. */
uint8_t dht_peers_believed(const struct dht_peers *p, const struct wire_peer_hop *hop,
                           enum wire_dialect dialect, uint8_t claimed, uint64_t now_s);
/* A peer that speaks this dialect names the address. True: it was not known. */
bool dht_peers_heard(struct dht_peers *p, const struct wire_peer_hop *hop,
                     enum wire_dialect dialect, uint64_t now_s);
/* The dialect to begin with at an address: C where it is spoken there, else the last one spoken
 * there, or that of the peer that named it. An address not known: C. */
enum wire_dialect dht_peers_dialect(const struct dht_peers *p, const struct wire_peer_hop *hop);

/* A candidate whose time to be tried has come; it is not given again for ten minutes, and twice as
 * long after each failure. */
bool dht_peers_candidate(struct dht_peers *p, uint64_t now_s, struct wire_peer_hop *out);

/* Up to max peers at random that speak the dialect, are alive and fresh, with their keys. */
uint32_t dht_peers_sample(struct dht_peers *p, enum wire_dialect dialect, uint32_t max,
                          uint64_t now_s, struct wire_peer_hop *out);

/* Forgets what is too old, looking at no more than `max` records. */
void dht_peers_expire(struct dht_peers *p, uint64_t now_s, uint32_t max);
/* Drops what `keep` says no to: the scope has changed. */
void dht_peers_filter(struct dht_peers *p, bool (*keep)(void *ctx, const struct wire_peer_hop *hop),
                      void *ctx);

bool dht_peers_is_alive(const struct dht_peers *p, const struct wire_peer_hop *hop);
int32_t dht_peers_reputation(const struct dht_peers *p, const struct wire_peer_hop *hop);
uint32_t dht_peers_count(const struct dht_peers *p);
uint32_t dht_peers_alive(const struct dht_peers *p);

#endif
