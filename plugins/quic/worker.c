/* SPDX-License-Identifier: MPL-2.0 */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static bool has_work(const struct quic_worker *qw)
{
    return !rt_list_empty(&qw->dirty) || !rt_list_empty(&qw->ready) ||
           !rt_list_empty(&qw->deferred);
}

static bool run(struct plugin_loop *l)
{
    struct quic_worker *qw = RT_CONTAINER_OF(l, struct quic_worker, loop);

    qw->hooks->end_of_turn(qw);
    return has_work(qw);
}

static void on_loop_closed(struct plugin_loop *l)
{
    free(RT_CONTAINER_OF(l, struct quic_worker, loop));
}

static const struct plugin_loop_ops loop_ops = {.run = run, .closed = on_loop_closed};

uint64_t quic_worker_clock(struct quic_worker *qw)
{
    qw->now_ns = uv_hrtime();
    return qw->now_ns;
}

/* -- time -- */

void quic_worker_arm(struct quic_worker *qw)
{
    uint64_t next = quic_expiries_next(&qw->expiries);

    if (qw->closing_ns < next)
        next = qw->closing_ns;
    if (next == QUIC_NEVER)
        qw->host->timer_disarm(qw->w, &qw->timer);
    else if (!qw->timer.link || qw->timer.at_ns > next)
        qw->host->timer_arm(qw->w, &qw->timer, next);
}

static void on_timer(struct relay_timer *t)
{
    struct quic_worker *qw = RT_CONTAINER_OF(t, struct quic_worker, timer);

    quic_worker_clock(qw);
    qw->hooks->timer(qw);
    quic_worker_arm(qw);
}

/* -- life -- */

/* Ids and challenges need few bytes each, so the host is asked for many at a time. */
static void env_random(void *ctx, void *out, size_t len)
{
    struct quic_worker *qw = ctx;
    uint8_t *from;

    if (len > QUIC_RANDOM_BYTES / 4) {
        qw->host->random(qw->w, out, len);
        return;
    }
    if (qw->random_left < len) {
        qw->host->random(qw->w, qw->random, sizeof(qw->random));
        qw->random_left = QUIC_RANDOM_BYTES;
    }
    from = qw->random + QUIC_RANDOM_BYTES - qw->random_left;
    memcpy(out, from, len);
    explicit_bzero(from, len);
    qw->random_left -= (uint32_t)len;
}

static void env_init(struct quic_worker *qw, const struct tls_creds *creds,
                     const uint8_t secret[2 * QUIC_SECRET_BYTES])
{
    qw->env = (struct quic_env){
        .ops = qw->hooks->engine,
        .mem = quic_pool_mem(qw->pool),
        .creds = creds,
        .buf_new = qw->host->buf_new,
        .random = env_random,
        .random_ctx = qw,
        .worker = qw->host->worker_index(qw->w),
        .workers = qw->host->worker_count,
    };
    memcpy(qw->env.reset_secret, secret, QUIC_SECRET_BYTES);
    memcpy(qw->retry_secret, secret + QUIC_SECRET_BYTES, QUIC_SECRET_BYTES);
}

static uint8_t *packet_buffer(void)
{
    uint8_t *p = malloc(QUIC_UDP_MAX);

    if (!p)
        abort();
    return p;
}

static void lists_init(struct quic_worker *qw)
{
    rt_list_init(&qw->closing);
    qw->closing_ns = QUIC_NEVER;
    rt_list_init(&qw->dirty);
    rt_list_init(&qw->ready);
    rt_list_init(&qw->deferred);
    rt_list_init(&qw->sockets);
}

int quic_worker_init(const struct relay_host *host, const struct relay_transport *table,
                     const struct quic_hooks *hooks, struct relay_worker *w,
                     const struct tls_creds *creds, struct quic_shared *shared,
                     struct quic_worker **out, struct relay_error *err)
{
    static const char *const names[QUIC_COUNTER_COUNT] = {
#define X(id, name) [QUIC_COUNTER_##id] = name,
        QUIC_COUNTER_LIST(X)
#undef X
    };
    uint8_t secret[2 * QUIC_SECRET_BYTES], key[QUIC_CID_KEY_BYTES];
    const char *retry = host->option("retry");
    struct quic_worker *qw;

    if (host->secret("packets", secret, sizeof(secret)) != 0) {
        snprintf(err->text, sizeof(err->text),
                 "quic: cannot read the packet secret from the state database");
        return -1;
    }
    qw = calloc(1, sizeof(*qw));
    if (!qw)
        abort();
    qw->host = host;
    qw->table = table;
    qw->hooks = hooks;
    qw->w = w;
    qw->shared = shared;
    qw->pool = quic_pool_new(host->buf_new);
    qw->always_retry = retry && strcmp(retry, "always") == 0;
    qw->in = quic_udp_buffers_new();
    qw->out = packet_buffer();
    qw->timer.fire = on_timer;
    lists_init(qw);
    host->random(w, key, sizeof(key));
    quic_cid_map_init(&qw->cids, key);
    plugin_counters_init(&qw->counters, host, names, QUIC_COUNTER_COUNT);
    quic_worker_clock(qw);
    env_init(qw, creds, secret);
    explicit_bzero(secret, sizeof(secret));
    plugin_loop_init(&qw->loop, host->loop(w), &loop_ops, &qw->counters);
    *out = qw;
    return 0;
}

void quic_worker_fini(struct quic_worker *qw)
{
    qw->hooks->stop(qw);
    PLUGIN_INSIST(qw->conns == 0 && qw->listeners == 0 && qw->socket_count == 0);
    PLUGIN_INSIST(!has_work(qw) && rt_list_empty(&qw->closing) && qw->cids.count == 0);
    plugin_counters_publish(&qw->counters);
    qw->host->timer_disarm(qw->w, &qw->timer);
    quic_cid_map_fini(&qw->cids);
    quic_expiries_fini(&qw->expiries);
    PLUGIN_INSIST(quic_pool_bytes(qw->pool) == 0);
    quic_pool_free(&qw->pool);
    quic_udp_buffers_free(&qw->in);
    explicit_bzero(qw->random, sizeof(qw->random));
    free(qw->out);
    explicit_bzero(qw->retry_secret, sizeof(qw->retry_secret));
    explicit_bzero(qw->env.reset_secret, sizeof(qw->env.reset_secret));
    plugin_loop_close(&qw->loop);
}
