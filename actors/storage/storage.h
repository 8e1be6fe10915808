/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The relay's state on disk: DIR/relay.db (SQLite, schemas/state.sql), locked by DIR/relay.lock.
 *
 * Between storage_open and storage_start the storage is a plain object of the opening thread. The
 * main function and the plugins read identity, secrets and rows from it. After storage_start the
 * storage is an actor (storage_msg.h) of a worker with a thread that may block. It takes
 * messages from the client that storage_start returned. Otherwise only storage_stop, storage_close
 * and, until threads run, storage_each_* may be called.
 *
 * A new database is made complete, with identity and slot secret, under another name, and then
 * renamed. relay.db is never incomplete, so an empty or damaged file is always refused, and nothing
 * is overwritten. Writes are durable after a successful call or answer (synchronous FULL).
 *
 * Values, peers, pins, marks of communities and identity records are written asynchronously. A row
 * passed to storage_send is on disk within a second: LIM_STORAGE_BATCH_NS and the time of the
 * write. A transaction has many rows and is atomic. While the disk accepts no writes (full,
 * read-only, broken), rows wait in memory and are tried again every LIM_STORAGE_RETRY_NS. One
 * warning is logged at the beginning and one line at the end. Past the queue's bounds, writes are
 * dropped, counted, and reported after the next success; such a row is written when next put.
 */
#ifndef STORAGE_H
#define STORAGE_H

#include <stdbool.h>

#include "abi/relay_transport.h" /* struct relay_error */
#include "actor/actor.h"
#include "base/err.h"
#include "base/seams.h"
#include "crypto/crypto.h"
#include "storage/storage_msg.h"

struct storage;

/* A row of relay_values. */
struct storage_value {
    const uint8_t *key, *sub; /* 32 bytes each */
    const uint8_t *value;
    uint32_t len;
    uint64_t expires_s; /* unix seconds */
    uint64_t origin_peer, origin_net;
    uint64_t event;
};

/* A row of peers and its row of relay_peer_dialects; 0, 0 without one. */
struct storage_peer {
    const char *addr_key;
    uint8_t *payload;
    size_t len;
    uint8_t dialects, last;
};

/*
 * Opens or creates the state in dir. A missing dir is created (0700, with its parents). Wider modes
 * than 0700 and 0600 are logged as a warning. seams give the randomness of new secrets and are
 * copied. On failure *err has one sentence: the problem and its remedy.
 *
 * - RT_ERR_REFUSED: another process uses the directory
 * - RT_ERR_CORRUPT: the database is damaged, empty, or of another program; it is unchanged
 * - RT_ERR_BAD_VERSION: a later version made the database
 * - RT_ERR_SYSTEM: the directory or a file cannot be made, read or written
 */
RT_MUST_CHECK rt_err storage_open(const char *dir, const struct rt_seams *seams,
                                  struct storage **out, struct relay_error *err);

/* The relay's identity, and the secret from which slot ids are derived. */
const struct rt_sign_key *storage_identity(const struct storage *s);
const uint8_t *storage_slot_secret(const struct storage *s); /* 32 bytes */
/* This open made the identity. */
bool storage_identity_is_new(const struct storage *s);

/*
 * len <= STORAGE_SECRET_MAX random bytes under a name (1 to STORAGE_NAME_MAX bytes), created
 * by the first call; later calls return the same bytes. RT_ERR_MISMATCH: the stored secret has
 * another length.
 */
RT_MUST_CHECK rt_err storage_secret(struct storage *s, const char *name, void *out, size_t len,
                                    struct relay_error *err);

/*
 * These functions call fn for each stored row, in no order. They are used before threads run,
 * before or after storage_start. The arguments of fn are valid during the call only. Rows that
 * cannot be read are skipped and stay unchanged; their number is logged.
 */
typedef void storage_value_fn(void *ctx, const struct storage_value *v);
typedef void storage_peer_fn(void *ctx, const struct storage_peer *p);
typedef void storage_pins_fn(void *ctx, uint8_t *payload, size_t len);
typedef void storage_mark_fn(void *ctx, const uint8_t community_id[32], uint64_t mark,
                             uint64_t expires_s);
typedef void storage_identity_record_fn(void *ctx, const uint8_t key[32], uint8_t *value,
                                        size_t len);
/* Values that have not expired. */
RT_MUST_CHECK rt_err storage_each_value(struct storage *s, storage_value_fn *fn, void *ctx,
                                        struct relay_error *err);
RT_MUST_CHECK rt_err storage_each_peer(struct storage *s, storage_peer_fn *fn, void *ctx,
                                       struct relay_error *err);
/* Marks of communities that have not expired. */
RT_MUST_CHECK rt_err storage_each_mark(struct storage *s, storage_mark_fn *fn, void *ctx,
                                       struct relay_error *err);
RT_MUST_CHECK rt_err storage_each_identity_record(struct storage *s, storage_identity_record_fn *fn,
                                                  void *ctx, struct relay_error *err);
/* The map of pinned keys. Without one, fn is not called. */
RT_MUST_CHECK rt_err storage_pins(struct storage *s, storage_pins_fn *fn, void *ctx,
                                  struct relay_error *err);

/* Starts the actor on w and returns the client for its messages. storage_stop is called on w's
 * thread or after the thread has ended; it writes the rows that still wait. */
struct storage_client storage_start(struct storage *s, struct rt_worker *w);
void storage_stop(struct storage *s);

/* Closes database and lock; not while started. Clears the caller's pointer; NULL allowed. */
void storage_close(struct storage **s);

#endif
