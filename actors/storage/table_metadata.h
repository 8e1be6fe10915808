/* SPDX-License-Identifier: MPL-2.0 */
/* Table metadata: identity and pinned keys, in the published relay's form. */
#ifndef STORAGE_TABLE_METADATA_H
#define STORAGE_TABLE_METADATA_H

#include "storage/db.h"
#include "storage/storage.h"

/*
 * The Ed25519 seed. RT_ERR_NOT_FOUND: the database has none. RT_ERR_CORRUPT with a sentence: it is
 * there but cannot be read, or only locked with a passphrase.
 */
RT_MUST_CHECK rt_err table_metadata_node_key(struct db *d, uint8_t out_seed[32],
                                             struct relay_error *err);
RT_MUST_CHECK rt_err table_metadata_set_node_key(struct db *d, const uint8_t seed[32],
                                                 struct relay_error *err);

/* Calls fn with a copy of the map of pinned keys; not at all where there is none. */
RT_MUST_CHECK rt_err table_metadata_pins(struct db *d, storage_pins_fn *fn, void *ctx,
                                         struct relay_error *err);
RT_MUST_CHECK rt_err table_metadata_set_pins(struct db *d, const void *payload, size_t len,
                                             struct relay_error *err);

#endif
