/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/table_values.h"

#include "wire_limits.h"

#define PUT                                                                                        \
    "INSERT INTO relay_values(key, sub, value, expires_at, origin_peer, origin_net, event)"        \
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(key, sub) DO UPDATE SET value = "             \
    "excluded.value,"                                                                              \
    " expires_at = excluded.expires_at, origin_peer = excluded.origin_peer,"                       \
    " origin_net = excluded.origin_net, event = excluded.event"
#define DROP "DELETE FROM relay_values WHERE key = ?1 AND sub = ?2"
#define SWEEP                                                                                      \
    "DELETE FROM relay_values WHERE rowid IN"                                                      \
    " (SELECT rowid FROM relay_values WHERE expires_at <= ?1 LIMIT ?2)"
#define EACH                                                                                       \
    "SELECT key, sub, value, expires_at, origin_peer, origin_net, event FROM relay_values"         \
    " NOT INDEXED WHERE expires_at > ?1"

rt_err table_values_open(struct db *d, struct table_values *out, struct relay_error *err)
{
    struct table_values t = {0};
    rt_err e = db_prepare(d, PUT, &t.put, err);

    if (!e)
        e = db_prepare(d, DROP, &t.drop, err);
    if (e)
        table_values_close(&t);
    else
        *out = t;
    return e;
}

void table_values_close(struct table_values *t)
{
    db_stmt_fini(&t->put);
    db_stmt_fini(&t->drop);
}

rt_err table_values_put(struct table_values *t, const struct storage_value *v,
                        struct relay_error *err)
{
    db_bind_blob(&t->put, 1, v->key, 32);
    db_bind_blob(&t->put, 2, v->sub, 32);
    db_bind_blob(&t->put, 3, v->value, v->len);
    db_bind_integer(&t->put, 4, (int64_t)v->expires_s);
    db_bind_integer(&t->put, 5, (int64_t)v->origin_peer);
    db_bind_integer(&t->put, 6, (int64_t)v->origin_net);
    db_bind_integer(&t->put, 7, (int64_t)v->event);
    return db_run(&t->put, err);
}

rt_err table_values_drop(struct table_values *t, const uint8_t key[32], const uint8_t sub[32],
                         struct relay_error *err)
{
    db_bind_blob(&t->drop, 1, key, 32);
    db_bind_blob(&t->drop, 2, sub, 32);
    return db_run(&t->drop, err);
}

rt_err table_values_sweep(struct db *d, uint64_t now_s, uint32_t max, uint32_t *out_swept,
                          struct relay_error *err)
{
    struct db_stmt st = {0};
    rt_err e = db_prepare(d, SWEEP, &st, err);

    if (e)
        return e;
    db_bind_integer(&st, 1, (int64_t)now_s);
    db_bind_integer(&st, 2, max);
    e = db_run(&st, err);
    if (!e)
        *out_swept = (uint32_t)db_changes(d);
    db_stmt_fini(&st);
    return e;
}

/* False: another program's row, or a broken one. */
static bool read_row(struct db_stmt *st, uint64_t now_s, struct storage_value *out)
{
    size_t key_len = 0, sub_len = 0, len = 0;
    int64_t event = db_column_integer(st, 6);

    out->key = db_column_blob(st, 0, &key_len);
    out->sub = db_column_blob(st, 1, &sub_len);
    out->value = db_column_blob(st, 2, &len);
    out->len = (uint32_t)len;
    out->expires_s = (uint64_t)db_column_integer(st, 3);
    out->origin_peer = (uint64_t)db_column_integer(st, 4);
    out->origin_net = (uint64_t)db_column_integer(st, 5);
    out->event = event > 0 ? (uint64_t)event : 0;
    return out->key && key_len == 32 && out->sub && sub_len == 32 && out->value &&
           len <= LIM_VALUE_MAX && out->expires_s > now_s; /* a text compares above all numbers */
}

rt_err table_values_each(struct db *d, uint64_t now_s, storage_value_fn *fn, void *ctx,
                         uint32_t *out_odd, struct relay_error *err)
{
    struct db_stmt st = {0};
    bool has_row = true;
    uint32_t odd = 0;
    rt_err e = db_prepare(d, EACH, &st, err);

    if (e)
        return e;
    db_bind_integer(&st, 1, (int64_t)now_s);
    while (!e && has_row) {
        struct storage_value v;

        e = db_next(&st, &has_row, err);
        if (e || !has_row)
            continue;
        if (read_row(&st, now_s, &v))
            fn(ctx, &v);
        else
            odd++;
    }
    db_stmt_fini(&st);
    if (!e)
        *out_odd = odd;
    return e;
}
