/* SPDX-License-Identifier: MPL-2.0 */
/* Table relay_identity_records: rotations and revocations of pinned keys. It is small and rarely
 * written. */
#ifndef STORAGE_TABLE_IDENTITY_H
#define STORAGE_TABLE_IDENTITY_H

#include "storage/db.h"
#include "storage/storage.h"

RT_MUST_CHECK rt_err table_identity_put(struct db *d, const uint8_t key[32], const void *value,
                                        size_t len, struct relay_error *err);
RT_MUST_CHECK rt_err table_identity_drop(struct db *d, const uint8_t key[32],
                                         struct relay_error *err);
/* Calls fn for every row. *out_odd: rows of another shape, passed over. */
RT_MUST_CHECK rt_err table_identity_each(struct db *d, storage_identity_record_fn *fn, void *ctx,
                                         uint32_t *out_odd, struct relay_error *err);

#endif
