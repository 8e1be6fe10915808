/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/writer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/log.h"
#include "storage/gate.h"
#include "storage/storage_limits.h"
#include "storage/storage_metrics.h"
#include "storage/table_communities.h"
#include "storage/table_identity.h"
#include "storage/table_metadata.h"
#include "storage/table_peers.h"
#include "storage/table_values.h"

#define REPORT_DROPPED_NS (60 * RT_S) /* at most one line on a disk that is too slow */

/* -- one transaction -- */

struct tables {
    struct db *db;
    struct table_values values;
    struct table_peers peers;
    struct table_communities communities;
};

static rt_err open_tables(struct db *d, struct tables *out, struct relay_error *err)
{
    rt_err e;

    *out = (struct tables){.db = d};
    e = table_values_open(d, &out->values, err);
    if (!e)
        e = table_peers_open(d, &out->peers, err);
    return e ? e : table_communities_open(d, &out->communities, err);
}

static void close_tables(struct tables *t)
{
    table_values_close(&t->values);
    table_peers_close(&t->peers);
    table_communities_close(&t->communities);
}

static rt_err write_row(struct tables *t, const struct storage_write *m, struct relay_error *err)
{
    const struct storage_value value = {m->row_key,     m->row_key + 32, m->payload.ptr,
                                        m->payload.len, m->expires_s,    m->origin_peer,
                                        m->origin_net,  m->event};

    switch (m->msg.kind) {
    case STORAGE_PUT_VALUE:
        return table_values_put(&t->values, &value, err);
    case STORAGE_DROP_VALUE:
        return table_values_drop(&t->values, value.key, value.sub, err);
    case STORAGE_PUT_PEER:
        return table_peers_put(&t->peers, (const char *)m->row_key, m->payload.ptr, m->payload.len,
                               m->dialects, m->last_dialect, err);
    case STORAGE_DROP_PEER:
        return table_peers_drop(&t->peers, (const char *)m->row_key, err);
    case STORAGE_PUT_MARK:
        return table_communities_put(&t->communities, m->row_key, m->event, m->expires_s, err);
    case STORAGE_PUT_IDENTITY_RECORD:
        return table_identity_put(t->db, m->row_key, m->payload.ptr, m->payload.len, err);
    case STORAGE_DROP_IDENTITY_RECORD:
        return table_identity_drop(t->db, m->row_key, err);
    default:
        RT_INSIST(m->msg.kind == STORAGE_PUT_PINS);
        return table_metadata_set_pins(t->db, m->payload.ptr, m->payload.len, err);
    }
}

static rt_err write_rows(struct storage_writer *w, struct tables *t, uint32_t *out_rows,
                         struct relay_error *err)
{
    struct storage_write *m = storage_queue_first(&w->queue);
    uint32_t rows = 0;
    uint64_t bytes = 0;
    rt_err e = RT_ERR_OK;

    while (!e && m && rows < LIM_STORAGE_BATCH_ROWS && bytes < LIM_STORAGE_BATCH_BYTES) {
        e = write_row(t, m, err);
        bytes += m->payload.len;
        rows++;
        m = storage_queue_next(&w->queue, m);
    }
    *out_rows = rows;
    return e;
}

static rt_err sweep(struct storage_writer *w, uint32_t *out_swept, struct relay_error *err)
{
    uint64_t now_s = rt_wall_ns(w->worker) / RT_S;
    uint32_t values = 0, marks = 0, peers = 0;
    rt_err e;

    *out_swept = 0;
    if (rt_now_ns(w->worker) < w->sweep_ns)
        return RT_ERR_OK;
    e = table_values_sweep(w->db, now_s, LIM_STORAGE_SWEEP_ROWS, &values, err);
    if (!e)
        e = table_communities_sweep(w->db, now_s, LIM_STORAGE_SWEEP_ROWS, &marks, err);
    if (!e)
        e = table_peers_sweep(w->db, LIM_STORAGE_SWEEP_ROWS, &peers, err);
    *out_swept = values + marks + peers;
    return e;
}

static void count(struct storage_writer *w, uint32_t rows, uint32_t swept)
{
    storage_queue_done(&w->queue, rows);
    if (rt_now_ns(w->worker) >= w->sweep_ns && swept < LIM_STORAGE_SWEEP_ROWS)
        w->sweep_ns = rt_now_ns(w->worker) + LIM_STORAGE_SWEEP_NS;
    rt_metric_add(RT_METRIC_STORAGE_WRITTEN, rows);
    rt_metric_add(RT_METRIC_STORAGE_SWEPT, swept);
    rt_metric_inc(RT_METRIC_STORAGE_BATCHES);
}

static rt_err write_batch(struct storage_writer *w, struct relay_error *err)
{
    struct tables t;
    uint32_t rows = 0, swept = 0;
    rt_err e = db_begin(w->db, err);

    if (e)
        return e;
    e = open_tables(w->db, &t, err);
    if (!e)
        e = write_rows(w, &t, &rows, err);
    if (!e)
        e = sweep(w, &swept, err);
    close_tables(&t);
    if (!e)
        e = db_commit(w->db, err);
    if (e)
        db_rollback(w->db);
    else
        count(w, rows, swept);
    return e;
}

/* -- failing, and being well again -- */

static void report_failure(struct storage_writer *w, const struct relay_error *err)
{
    rt_metric_inc(RT_METRIC_STORAGE_FAILED);
    if (w->is_failing)
        return;
    w->is_failing = true;
    w->failing_since_ns = rt_now_ns(w->worker);
    rt_log(RELAY_LOG_WARN,
           "state cannot be written: it is kept in memory, lost if the relay ends, and tried again",
           "every_s=%" PRIu64 " error=\"%s\"", LIM_STORAGE_RETRY_NS / RT_S, err->text);
}

static void report_success(struct storage_writer *w)
{
    uint64_t now_ns = rt_now_ns(w->worker);
    uint64_t dropped = storage_gate_dropped(w->gate) - w->dropped_reported;

    if (w->is_failing)
        rt_log(RELAY_LOG_INFO, "state is written again",
               "after_s=%" PRIu64 " waiting=%" PRIu32 " dropped=%" PRIu64,
               (now_ns - w->failing_since_ns) / RT_S, w->queue.count, dropped);
    else if (dropped && now_ns >= w->report_dropped_ns)
        rt_log(RELAY_LOG_WARN, "the disk is too slow, writes of state were dropped",
               "dropped=%" PRIu64, dropped);
    else
        return;
    w->is_failing = false;
    w->dropped_reported += dropped;
    w->report_dropped_ns = now_ns + REPORT_DROPPED_NS;
}

static rt_err write_and_report(struct storage_writer *w, struct relay_error *err)
{
    rt_err e = write_batch(w, err);

    if (e)
        report_failure(w, err);
    else
        report_success(w);
    return e;
}

/* -- when -- */

static bool is_batch(const struct storage_queue *q)
{
    return q->count >= LIM_STORAGE_BATCH_ROWS || q->bytes >= LIM_STORAGE_BATCH_BYTES;
}

static void on_timer(struct relay_timer *t)
{
    struct storage_writer *w = RT_CONTAINER_OF(t, struct storage_writer, timer);
    struct relay_error err = {""};
    uint64_t wait_ns = LIM_STORAGE_BATCH_NS;

    if (write_and_report(w, &err) != RT_ERR_OK)
        wait_ns = LIM_STORAGE_RETRY_NS;
    else if (is_batch(&w->queue))
        wait_ns = 0;
    if (w->queue.count)
        rt_timer_arm(w->worker, &w->timer, rt_now_ns(w->worker) + wait_ns);
}

static void arm_by(struct storage_writer *w, uint64_t at_ns)
{
    if (!rt_timer_armed(&w->timer) || w->timer.at_ns > at_ns)
        rt_timer_arm(w->worker, &w->timer, at_ns);
}

void storage_writer_put(struct storage_writer *w, struct storage_write *m)
{
    uint64_t now_ns = rt_now_ns(w->worker);

    storage_queue_put(&w->queue, m);
    if (!rt_timer_armed(&w->timer))
        rt_timer_arm(w->worker, &w->timer, now_ns + LIM_STORAGE_BATCH_NS);
    if (w->is_failing)
        return;
    if (is_batch(&w->queue))
        arm_by(w, now_ns);
    else if (m->msg.kind == STORAGE_PUT_MARK)
        arm_by(w, now_ns + LIM_STORAGE_MARK_NS);
}

rt_err storage_writer_flush(struct storage_writer *w, struct relay_error *err)
{
    const struct rt_seams *seams = rt_worker_seams(w->worker);
    uint64_t until_ns = seams->mono_ns(seams->ctx) + LIM_STORAGE_FLUSH_NS;
    rt_err e = RT_ERR_OK;

    while (!e && w->queue.count) {
        e = write_and_report(w, err);
        if (!e && w->queue.count && seams->mono_ns(seams->ctx) >= until_ns) {
            snprintf(err->text, sizeof(err->text), "the disk is too slow, %" PRIu32 " rows wait",
                     w->queue.count);
            e = RT_ERR_TIMEOUT;
        }
    }
    return e;
}

/* -- life -- */

void storage_writer_start(struct storage_writer *w, struct rt_worker *worker, struct db *db,
                          struct storage_gate *gate)
{
    uint8_t hash_key[16];

    *w = (struct storage_writer){.worker = worker, .db = db, .gate = gate};
    w->timer.fire = on_timer;
    rt_random(worker, hash_key, sizeof(hash_key));
    storage_queue_init(&w->queue, hash_key);
}

void storage_writer_stop(struct storage_writer *w)
{
    rt_timer_disarm(w->worker, &w->timer);
    storage_queue_fini(&w->queue);
}
