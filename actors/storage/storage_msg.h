/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Messages to the storage actor. Requests owe a reply. Writes owe none; they go through
 * storage_send, which bounds the writes under way.
 */
#ifndef STORAGE_MSG_H
#define STORAGE_MSG_H

#include "abi/relay_buf.h"
#include "actor/actor.h"

enum storage_kind {
    STORAGE_FLUSH = RT_REQUEST_KIND(STORAGE, 1),    /* struct storage_flush */
    STORAGE_FLUSHED = RT_REPLY_KIND(STORAGE, 1),    /* the same block, back */
    STORAGE_PUT_VALUE = RT_NOTIFY_KIND(STORAGE, 2), /* struct storage_write, as all below */
    STORAGE_DROP_VALUE = RT_NOTIFY_KIND(STORAGE, 3),
    STORAGE_PUT_PEER = RT_NOTIFY_KIND(STORAGE, 4),
    STORAGE_DROP_PEER = RT_NOTIFY_KIND(STORAGE, 5),
    STORAGE_PUT_PINS = RT_NOTIFY_KIND(STORAGE, 6),
    STORAGE_PUT_MARK = RT_NOTIFY_KIND(STORAGE, 7),
    STORAGE_PUT_IDENTITY_RECORD = RT_NOTIFY_KIND(STORAGE, 8),
    STORAGE_DROP_IDENTITY_RECORD = RT_NOTIFY_KIND(STORAGE, 9),
};

#define STORAGE_NAME_MAX 64u
#define STORAGE_SECRET_MAX 64u

/* Writes all that waits, and moves the write-ahead log into the database, so that the file alone
 * holds everything. */
struct storage_flush {
    struct rt_msg msg;
    rt_err result; /* back */
};

/* -- writes: one row each -- */

#define STORAGE_ADDR_KEY_MAX 63u     /* bytes of ip:port:Tcp */
#define STORAGE_ROW_KEY_MAX 64u      /* key and sub of a value; addr_key and its end; an id */
#define STORAGE_PEER_BYTES_MAX 4096u /* bytes of a peer's payload */

struct storage_gate;

/* Queued by row: of several writes to one row the last counts. */
struct storage_write {
    struct rt_msg msg;
    uint8_t row_key[STORAGE_ROW_KEY_MAX]; /* zeros behind it */
    struct relay_slice payload;           /* the value to write; owned */
    uint64_t expires_s;                   /* of a value, a mark: unix seconds */
    uint64_t event;                       /* of a value: its last event; of a mark: the mark */
    uint64_t origin_peer, origin_net;     /* of a value: hashes of who stored it */
    uint8_t dialects, last_dialect;       /* of a peer */
    /* the queue's */
    struct storage_gate *gate;
    struct rt_list order;
    struct storage_write *same_bucket;
    uint64_t hash;
};

/* value, payload, pins: moved. sub: zeros if the key has only one value. event: 0: none. */
struct storage_write *storage_put_value_new(const uint8_t key[32], const uint8_t sub[32],
                                            struct relay_slice value, uint64_t expires_s,
                                            uint64_t event, uint64_t origin_peer,
                                            uint64_t origin_net);
struct storage_write *storage_drop_value_new(const uint8_t key[32], const uint8_t sub[32]);
/* addr_key: ip:port:Tcp or ip:port:Quic; payload: as in protocol section State database.
 * dialects: the set that the peer speaks; last: the dialect in which it was last reached. */
struct storage_write *storage_put_peer_new(const char *addr_key, struct relay_slice payload,
                                           uint8_t dialects, uint8_t last);
struct storage_write *storage_drop_peer_new(const char *addr_key);
/* The whole map. */
struct storage_write *storage_put_pins_new(struct relay_slice pins);
/* No event of the community has a number above mark. Written within LIM_STORAGE_MARK_NS. */
struct storage_write *storage_put_mark_new(const uint8_t community_id[32], uint64_t mark,
                                           uint64_t expires_s);
/* key: the record's DHT key; value: moved. */
struct storage_write *storage_put_identity_record_new(const uint8_t key[32],
                                                      struct relay_slice value);
struct storage_write *storage_drop_identity_record_new(const uint8_t key[32]);

struct storage_flush *storage_flush_new(void);

/* -- sending -- */

/* The destination of writes: a value, valid until storage_close. Zeroed: none. */
struct storage_client {
    struct rt_addr addr;
    struct storage_gate *gate;
};

/* Sends w (moved) from `from`, a worker of the same system, on its thread; not after storage_stop.
 * False: the queue is full, and w was dropped and counted. */
bool storage_send(const struct storage_client *to, struct rt_worker *from, struct storage_write *w);

#endif
