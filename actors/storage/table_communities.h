/* SPDX-License-Identifier: MPL-2.0 */
/* Table relay_communities: the highest event number of each community. */
#ifndef STORAGE_TABLE_COMMUNITIES_H
#define STORAGE_TABLE_COMMUNITIES_H

#include "storage/db.h"
#include "storage/storage.h"

/* A statement for many rows in one transaction; zeroed: none. */
struct table_communities {
    struct db_stmt put;
};

RT_MUST_CHECK rt_err table_communities_open(struct db *d, struct table_communities *out,
                                            struct relay_error *err);
void table_communities_close(struct table_communities *t); /* idempotent; before db_close */

RT_MUST_CHECK rt_err table_communities_put(struct table_communities *t,
                                           const uint8_t community_id[32], uint64_t mark,
                                           uint64_t expires_s, struct relay_error *err);
/* Removes at most max rows that have expired by now_s. */
RT_MUST_CHECK rt_err table_communities_sweep(struct db *d, uint64_t now_s, uint32_t max,
                                             uint32_t *out_swept, struct relay_error *err);
/* Calls fn for every row that has not expired. *out_odd: rows of another shape, passed over. */
RT_MUST_CHECK rt_err table_communities_each(struct db *d, uint64_t now_s, storage_mark_fn *fn,
                                            void *ctx, uint32_t *out_odd, struct relay_error *err);

#endif
