/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/table_identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "wire_limits.h"

#define PUT                                                                                        \
    "INSERT INTO relay_identity_records(key, value) VALUES(?1, ?2)"                                \
    " ON CONFLICT(key) DO UPDATE SET value = excluded.value"
#define DROP "DELETE FROM relay_identity_records WHERE key = ?1"
#define EACH "SELECT key, value FROM relay_identity_records"

static rt_err run(struct db *d, const char *sql, const uint8_t key[32], const void *value,
                  size_t len, struct relay_error *err)
{
    struct db_stmt st = {0};
    rt_err e = db_prepare(d, sql, &st, err);

    if (e)
        return e;
    db_bind_blob(&st, 1, key, 32);
    if (value)
        db_bind_blob(&st, 2, value, len);
    e = db_run(&st, err);
    db_stmt_fini(&st);
    return e;
}

rt_err table_identity_put(struct db *d, const uint8_t key[32], const void *value, size_t len,
                          struct relay_error *err)
{
    return run(d, PUT, key, value, len, err);
}

rt_err table_identity_drop(struct db *d, const uint8_t key[32], struct relay_error *err)
{
    return run(d, DROP, key, NULL, 0, err);
}

/* False: a row of another program, or an invalid one. */
static bool give_row(struct db_stmt *st, uint8_t *copy, storage_identity_record_fn *fn, void *ctx)
{
    size_t key_len = 0, len = 0;
    const uint8_t *key = db_column_blob(st, 0, &key_len);
    const void *value = db_column_blob(st, 1, &len);

    if (!key || key_len != 32 || !value || len == 0 || len > LIM_VALUE_MAX)
        return false;
    memcpy(copy, value, len);
    fn(ctx, key, copy, len);
    return true;
}

rt_err table_identity_each(struct db *d, storage_identity_record_fn *fn, void *ctx,
                           uint32_t *out_odd, struct relay_error *err)
{
    uint8_t *copy = malloc(LIM_VALUE_MAX);
    struct db_stmt st = {0};
    bool has_row = true;
    uint32_t odd = 0;
    rt_err e = db_prepare(d, EACH, &st, err);

    RT_INSIST(copy);
    while (!e && has_row) {
        e = db_next(&st, &has_row, err);
        if (!e && has_row && !give_row(&st, copy, fn, ctx))
            odd++;
    }
    db_stmt_fini(&st);
    free(copy);
    if (!e)
        *out_odd = odd;
    return e;
}
