/* SPDX-License-Identifier: MPL-2.0 */
#include "worker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"

static bool has_work(const struct tls_worker *tw)
{
    return !rt_list_empty(&tw->dirty) || !rt_list_empty(&tw->ready) ||
           !rt_list_empty(&tw->handshakes);
}

static bool run(struct plugin_loop *l)
{
    struct tls_worker *tw = RT_CONTAINER_OF(l, struct tls_worker, loop);

    tw->hooks->end_of_turn(tw);
    return has_work(tw);
}

static void on_loop_closed(struct plugin_loop *l)
{
    free(RT_CONTAINER_OF(l, struct tls_worker, loop));
}

static const struct plugin_loop_ops loop_ops = {.run = run, .closed = on_loop_closed};

struct tls_worker *tls_worker_new(const struct relay_host *host,
                                  const struct relay_transport *table,
                                  const struct tls_hooks *hooks, struct relay_worker *w,
                                  struct tls_creds *creds)
{
    static const char *const names[TLS_COUNTER_COUNT] = {
#define X(id, name) [TLS_COUNTER_##id] = name,
        TLS_COUNTER_LIST(X)
#undef X
    };
    struct tls_worker *tw = calloc(1, sizeof(*tw));

    if (!tw || !(tw->scratch = malloc(TLS_SCRATCH_BYTES)))
        abort();
    tw->host = host;
    tw->table = table;
    tw->hooks = hooks;
    tw->w = w;
    tw->creds = creds;
    tw->wire.write = hooks->write;
    rt_list_init(&tw->dirty);
    rt_list_init(&tw->ready);
    rt_list_init(&tw->handshakes);
    tw->small = (struct tls_pool){tw->idle_small, 0, TLS_SMALL_POOL, TLS_SMALL_BYTES};
    tw->large = (struct tls_pool){tw->idle_large, 0, TLS_LARGE_POOL, TLS_LARGE_BYTES};
    tw->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    plugin_counters_init(&tw->counters, host, names, TLS_COUNTER_COUNT);
    plugin_loop_init(&tw->loop, host->loop(w), &loop_ops, &tw->counters);
    return tw;
}

static void drain_pool(struct tls_pool *p)
{
    while (p->count > 0)
        relay_buf_drop(&p->idle[--p->count]);
}

void tls_worker_free(struct tls_worker *tw)
{
    PLUGIN_INSIST(tw->conns == 0 && tw->listeners == 0);
    PLUGIN_INSIST(!has_work(tw) && tw->large_gathering == 0);
    plugin_counters_publish(&tw->counters);
    drain_pool(&tw->small);
    drain_pool(&tw->large);
    free(tw->scratch);
    tw->scratch = NULL;
    if (tw->reserve_fd >= 0)
        close(tw->reserve_fd);
    plugin_loop_close(&tw->loop);
}

struct relay_buf *tls_buf_get(struct tls_worker *tw, bool is_large)
{
    struct tls_pool *p = is_large ? &tw->large : &tw->small;

    if (p->count > 0)
        return p->idle[--p->count];
    return tw->host->buf_new(p->capacity);
}

static bool fits(const struct tls_pool *p, const struct relay_buf *b)
{
    return b->capacity >= p->capacity && b->capacity < 2 * p->capacity && p->count < p->max;
}

void tls_buf_put(struct tls_worker *tw, struct relay_buf **bp)
{
    struct relay_buf *b = *bp;

    *bp = NULL;
    if (b && fits(&tw->small, b))
        tw->small.idle[tw->small.count++] = b;
    else if (b && fits(&tw->large, b))
        tw->large.idle[tw->large.count++] = b;
    else
        relay_buf_drop(&b);
}
