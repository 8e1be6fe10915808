/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/migrate.h"

#include <inttypes.h>
#include <stdio.h>

#include "storage/state_sql.h"

/* The schema makes tables, but adds no column to an existing table. */
#define ADD_EVENT "ALTER TABLE relay_values ADD COLUMN event INTEGER NOT NULL DEFAULT 0"

static rt_err version(struct db *d, int64_t *out, struct relay_error *err)
{
    return db_get_integer(d, "PRAGMA user_version", out, err);
}

rt_err migrate_check(struct db *d, struct relay_error *err)
{
    int64_t v = 0;
    rt_err e = version(d, &v, err);

    if (e || v <= STORAGE_SCHEMA_VERSION)
        return e;
    snprintf(err->text, sizeof(err->text),
             "the state database %.100s has version %" PRId64
             ", this relay knows up to %d: start a "
             "newer relay on it",
             db_path(d), v, STORAGE_SCHEMA_VERSION);
    return RT_ERR_BAD_VERSION;
}

rt_err migrate_run(struct db *d, bool *out_is_first, struct relay_error *err)
{
    int64_t v = 0;
    rt_err e = version(d, &v, err);

    if (!e && v == 2)
        e = db_exec(d, ADD_EVENT, err);
    if (!e && v < STORAGE_SCHEMA_VERSION)
        e = db_exec(d, storage_state_sql, err);
    if (!e)
        *out_is_first = v == 0;
    return e;
}
