/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/table_peers.h"

#include <string.h>

#define PUT                                                                                        \
    "INSERT INTO peers(addr_key, payload) VALUES(?1, ?2)"                                          \
    " ON CONFLICT(addr_key) DO UPDATE SET payload = excluded.payload"
#define DROP "DELETE FROM peers WHERE addr_key = ?1"
#define PUT_DIALECTS                                                                               \
    "INSERT INTO relay_peer_dialects(addr_key, dialects, last) VALUES(?1, ?2, ?3)"                 \
    " ON CONFLICT(addr_key) DO UPDATE SET dialects = excluded.dialects, last = excluded.last"
#define DROP_DIALECTS "DELETE FROM relay_peer_dialects WHERE addr_key = ?1"
#define SWEEP                                                                                      \
    "DELETE FROM relay_peer_dialects WHERE rowid IN (SELECT d.rowid FROM relay_peer_dialects d"    \
    " WHERE NOT EXISTS (SELECT 1 FROM peers p WHERE p.addr_key = d.addr_key) LIMIT ?1)"
#define EACH                                                                                       \
    "SELECT p.addr_key, p.payload, d.dialects, d.last FROM peers p"                                \
    " LEFT JOIN relay_peer_dialects d ON d.addr_key = p.addr_key"

rt_err table_peers_open(struct db *d, struct table_peers *out, struct relay_error *err)
{
    struct table_peers t = {0};
    rt_err e = db_prepare(d, PUT, &t.put, err);

    if (!e)
        e = db_prepare(d, DROP, &t.drop, err);
    if (!e)
        e = db_prepare(d, PUT_DIALECTS, &t.put_dialects, err);
    if (!e)
        e = db_prepare(d, DROP_DIALECTS, &t.drop_dialects, err);
    if (e)
        table_peers_close(&t);
    else
        *out = t;
    return e;
}

void table_peers_close(struct table_peers *t)
{
    db_stmt_fini(&t->put);
    db_stmt_fini(&t->drop);
    db_stmt_fini(&t->put_dialects);
    db_stmt_fini(&t->drop_dialects);
}

rt_err table_peers_put(struct table_peers *t, const char *addr_key, const void *payload, size_t len,
                       uint8_t dialects, uint8_t last, struct relay_error *err)
{
    rt_err e;

    db_bind_text(&t->put, 1, addr_key);
    db_bind_blob(&t->put, 2, payload, len);
    e = db_run(&t->put, err);
    if (e)
        return e;
    db_bind_text(&t->put_dialects, 1, addr_key);
    db_bind_integer(&t->put_dialects, 2, dialects);
    db_bind_integer(&t->put_dialects, 3, last);
    return db_run(&t->put_dialects, err);
}

rt_err table_peers_drop(struct table_peers *t, const char *addr_key, struct relay_error *err)
{
    rt_err e;

    db_bind_text(&t->drop, 1, addr_key);
    e = db_run(&t->drop, err);
    if (e)
        return e;
    db_bind_text(&t->drop_dialects, 1, addr_key);
    return db_run(&t->drop_dialects, err);
}

rt_err table_peers_sweep(struct db *d, uint32_t max, uint32_t *out_swept, struct relay_error *err)
{
    struct db_stmt st = {0};
    rt_err e = db_prepare(d, SWEEP, &st, err);

    if (e)
        return e;
    db_bind_integer(&st, 1, max);
    e = db_run(&st, err);
    if (!e)
        *out_swept = (uint32_t)db_changes(d);
    db_stmt_fini(&st);
    return e;
}

/* 0, 0 without a row or with invalid numbers. */
static void read_dialects(struct db_stmt *st, struct storage_peer *out)
{
    int64_t dialects = db_column_integer(st, 2), last = db_column_integer(st, 3);

    out->dialects = out->last = 0;
    if (dialects <= 0 || dialects > UINT8_MAX || last < 0 || last >= 8 || !(dialects >> last & 1))
        return;
    out->dialects = (uint8_t)dialects;
    out->last = (uint8_t)last;
}

rt_err table_peers_each(struct db *d, storage_peer_fn *fn, void *ctx, uint32_t *out_odd,
                        struct relay_error *err)
{
    struct db_stmt st = {0};
    bool has_row = true;
    uint32_t odd = 0;
    rt_err e = db_prepare(d, EACH, &st, err);

    while (!e && has_row) {
        uint8_t copy[STORAGE_PEER_BYTES_MAX];
        struct storage_peer p = {.payload = copy};
        const void *payload;

        e = db_next(&st, &has_row, err);
        if (e || !has_row)
            continue;
        p.addr_key = db_column_text(&st, 0);
        payload = db_column_blob(&st, 1, &p.len);
        if (!p.addr_key || strlen(p.addr_key) > STORAGE_ADDR_KEY_MAX || !payload ||
            p.len > sizeof(copy)) {
            odd++;
            continue;
        }
        memcpy(copy, payload, p.len);
        read_dialects(&st, &p);
        fn(ctx, &p);
    }
    db_stmt_fini(&st);
    if (!e)
        *out_odd = odd;
    return e;
}
