/* SPDX-License-Identifier: MPL-2.0 */
/* Table peers, shared with the published relay: both columns have exactly its types. The dialects
 * of each peer are in our own table relay_peer_dialects, written and dropped with the peer. */
#ifndef STORAGE_TABLE_PEERS_H
#define STORAGE_TABLE_PEERS_H

#include "storage/db.h"
#include "storage/storage.h"

/* Statements for many rows in one transaction; zeroed: none. */
struct table_peers {
    struct db_stmt put, drop, put_dialects, drop_dialects;
};

RT_MUST_CHECK rt_err table_peers_open(struct db *d, struct table_peers *out,
                                      struct relay_error *err);
void table_peers_close(struct table_peers *t); /* idempotent; before db_close */

RT_MUST_CHECK rt_err table_peers_put(struct table_peers *t, const char *addr_key,
                                     const void *payload, size_t len, uint8_t dialects,
                                     uint8_t last, struct relay_error *err);
RT_MUST_CHECK rt_err table_peers_drop(struct table_peers *t, const char *addr_key,
                                      struct relay_error *err);

/* Removes at most max rows of dialects if another relay has removed their peers. */
RT_MUST_CHECK rt_err table_peers_sweep(struct db *d, uint32_t max, uint32_t *out_swept,
                                       struct relay_error *err);

/* Calls fn for every row. *out_odd: rows of another shape, passed over. */
RT_MUST_CHECK rt_err table_peers_each(struct db *d, storage_peer_fn *fn, void *ctx,
                                      uint32_t *out_odd, struct relay_error *err);

#endif
