/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/table_communities.h"

#define PUT                                                                                        \
    "INSERT INTO relay_communities(community_id, mark, expires_at) VALUES(?1, ?2, ?3)"             \
    " ON CONFLICT(community_id) DO UPDATE SET mark = excluded.mark,"                               \
    " expires_at = excluded.expires_at"
#define SWEEP                                                                                      \
    "DELETE FROM relay_communities WHERE rowid IN"                                                 \
    " (SELECT rowid FROM relay_communities WHERE expires_at <= ?1 LIMIT ?2)"
#define EACH "SELECT community_id, mark, expires_at FROM relay_communities WHERE expires_at > ?1"

rt_err table_communities_open(struct db *d, struct table_communities *out, struct relay_error *err)
{
    *out = (struct table_communities){0};
    return db_prepare(d, PUT, &out->put, err);
}

void table_communities_close(struct table_communities *t)
{
    db_stmt_fini(&t->put);
}

rt_err table_communities_put(struct table_communities *t, const uint8_t community_id[32],
                             uint64_t mark, uint64_t expires_s, struct relay_error *err)
{
    db_bind_blob(&t->put, 1, community_id, 32);
    db_bind_integer(&t->put, 2, (int64_t)mark);
    db_bind_integer(&t->put, 3, (int64_t)expires_s);
    return db_run(&t->put, err);
}

rt_err table_communities_sweep(struct db *d, uint64_t now_s, uint32_t max, uint32_t *out_swept,
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

/* False: a row of another program, or an invalid one. */
static bool give_row(struct db_stmt *st, uint64_t now_s, storage_mark_fn *fn, void *ctx)
{
    size_t len = 0;
    const uint8_t *id = db_column_blob(st, 0, &len);
    int64_t mark = db_column_integer(st, 1), expires_s = db_column_integer(st, 2);

    /* A text compares above all numbers: an expired row can be selected. */
    if (!id || len != 32 || mark <= 0 || expires_s <= (int64_t)now_s)
        return false;
    fn(ctx, id, (uint64_t)mark, (uint64_t)expires_s);
    return true;
}

rt_err table_communities_each(struct db *d, uint64_t now_s, storage_mark_fn *fn, void *ctx,
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
        e = db_next(&st, &has_row, err);
        if (!e && has_row && !give_row(&st, now_s, fn, ctx))
            odd++;
    }
    db_stmt_fini(&st);
    if (!e)
        *out_odd = odd;
    return e;
}
