/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/table_peers.h"

#include <string.h>

#define PUT                                                                                        \
    "INSERT INTO peers(addr_key, payload) VALUES(?1, ?2)"                                          \
    " ON CONFLICT(addr_key) DO UPDATE SET payload = excluded.payload"
#define DROP "DELETE FROM peers WHERE addr_key = ?1"
#define EACH "SELECT addr_key, payload FROM peers"

rt_err table_peers_open(struct db *d, struct table_peers *out, struct relay_error *err)
{
    struct table_peers t = {0};
    rt_err e = db_prepare(d, PUT, &t.put, err);

    if (!e)
        e = db_prepare(d, DROP, &t.drop, err);
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
}

rt_err table_peers_put(struct table_peers *t, const char *addr_key, const void *payload, size_t len,
                       struct relay_error *err)
{
    db_bind_text(&t->put, 1, addr_key);
    db_bind_blob(&t->put, 2, payload, len);
    return db_run(&t->put, err);
}

rt_err table_peers_drop(struct table_peers *t, const char *addr_key, struct relay_error *err)
{
    db_bind_text(&t->drop, 1, addr_key);
    return db_run(&t->drop, err);
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
        const char *addr_key;
        const void *payload;
        size_t len = 0;

        e = db_next(&st, &has_row, err);
        if (e || !has_row)
            continue;
        addr_key = db_column_text(&st, 0);
        payload = db_column_blob(&st, 1, &len);
        if (!addr_key || strlen(addr_key) > STORAGE_ADDR_KEY_MAX || !payload ||
            len > sizeof(copy)) {
            odd++;
            continue;
        }
        memcpy(copy, payload, len);
        fn(ctx, addr_key, copy, len);
    }
    db_stmt_fini(&st);
    if (!e)
        *out_odd = odd;
    return e;
}
