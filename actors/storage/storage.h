/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The relay's state on disk: DIR/relay.db (SQLite, schemas/state.sql), locked by DIR/relay.lock.
 *
 * Two lives. Between storage_open and storage_start it is a plain object of the thread that opened
 * it: main takes the identity and secrets from it, and plugins theirs. From storage_start on it is
 * an actor (storage_msg.h) of a worker whose thread may block, and its functions here are closed
 * but for storage_stop and storage_close.
 *
 * A new database is made under another name, whole, with identity and slot secret in it, and
 * renamed: relay.db is never half-made, so an empty or damaged one is always a reason to refuse,
 * and nothing is ever overwritten. Writes are durable when the call or the answer says so
 * (synchronous FULL).
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

/*
 * Opens or creates the state in dir, which is made (0700, with its parents) when it is not there.
 * Wider modes than 0700 and 0600 are logged as a warning. seams give the randomness of new secrets
 * and are copied. On failure *err says in a sentence what is wrong and what to do: RT_ERR_REFUSED
 * another process uses the directory RT_ERR_CORRUPT  the database is damaged, empty, or not ours;
 * it has not been changed RT_ERR_BAD_VERSION  made by a later version RT_ERR_SYSTEM   directory or
 * file cannot be made, read or written
 */
RT_MUST_CHECK rt_err storage_open(const char *dir, const struct rt_seams *seams,
                                  struct storage **out, struct relay_error *err);

/* The relay's identity, and the secret slot ids are made from. */
const struct rt_sign_key *storage_identity(const struct storage *s);
const uint8_t *storage_slot_secret(const struct storage *s); /* 32 bytes */
/* This open made the identity. */
bool storage_identity_is_new(const struct storage *s);

/*
 * len <= STORAGE_SECRET_MAX random bytes under a name (1 to STORAGE_NAME_MAX bytes), made at the
 * first call and the same ever after. RT_ERR_MISMATCH: it is there with another length.
 */
RT_MUST_CHECK rt_err storage_secret(struct storage *s, const char *name, void *out, size_t len,
                                    struct relay_error *err);

/* Becomes an actor of w. stop: on w's thread or after it has ended. */
struct rt_addr storage_start(struct storage *s, struct rt_worker *w);
void storage_stop(struct storage *s);

/* Closes database and lock; not while started. Clears the caller's pointer; NULL allowed. */
void storage_close(struct storage **s);

#endif
