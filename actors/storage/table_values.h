/* SPDX-License-Identifier: MPL-2.0 */
/* Table relay_values: what is stored for the DHT. */
#ifndef STORAGE_TABLE_VALUES_H
#define STORAGE_TABLE_VALUES_H

#include "storage/db.h"
#include "storage/storage.h"

/* Statements for many rows in one transaction; zeroed: none. */
struct table_values {
    struct db_stmt put, drop;
};

RT_MUST_CHECK rt_err table_values_open(struct db *d, struct table_values *out,
                                       struct relay_error *err);
void table_values_close(struct table_values *t); /* idempotent; before db_close */

RT_MUST_CHECK rt_err table_values_put(struct table_values *t, const struct storage_value *v,
                                      struct relay_error *err);
RT_MUST_CHECK rt_err table_values_drop(struct table_values *t, const uint8_t key[32],
                                       const uint8_t sub[32], struct relay_error *err);

/* Removes at most max rows that have expired by now_s. */
RT_MUST_CHECK rt_err table_values_sweep(struct db *d, uint64_t now_s, uint32_t max,
                                        uint32_t *out_swept, struct relay_error *err);
/* Calls fn for every row that is still good. *out_odd: rows of another shape, passed over. */
RT_MUST_CHECK rt_err table_values_each(struct db *d, uint64_t now_s, storage_value_fn *fn,
                                       void *ctx, uint32_t *out_odd, struct relay_error *err);

#endif
