/* SPDX-License-Identifier: MPL-2.0 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conn.h"

void tls_insist_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "tcp_tls: INSIST(%s) failed at %s:%d\n", expr, file, line);
    abort();
}

static void publish_counters(struct tls_worker *tw)
{
    for (int i = 0; i < TLS_COUNTER_COUNT; i++) {
        if (tw->counted[i] == 0)
            continue;
        atomic_fetch_add_explicit(tw->counters[i], tw->counted[i], memory_order_relaxed);
        tw->counted[i] = 0;
    }
}

static bool has_work(const struct tls_worker *tw)
{
    return !rt_list_empty(&tw->dirty) || !rt_list_empty(&tw->ready) ||
           !rt_list_empty(&tw->handshakes);
}

static void on_prepare(uv_prepare_t *h)
{
    struct tls_worker *tw = h->data;

    if (tw->is_idling) {
        tls_input_run_ready(tw);
        tls_output_run_dirty(tw);
        tls_input_run_handshakes(tw);
        tls_output_run_dirty(tw);
        if (!has_work(tw)) {
            uv_idle_stop(&tw->idle);
            tw->is_idling = false;
        }
    }
    publish_counters(tw);
}

static void on_idle(uv_idle_t *h)
{
    (void)h; /* being active is all it is for: the loop polls without sleeping */
}

void tls_worker_kick(struct tls_worker *tw)
{
    if (tw->is_idling)
        return;
    tw->is_idling = true;
    uv_idle_start(&tw->idle, on_idle);
}

int tls_worker_init(const struct relay_host *host, const struct relay_transport *table,
                    struct relay_worker *w, struct tls_creds *creds, struct tls_worker **out,
                    struct relay_error *err)
{
    static const char *const names[TLS_COUNTER_COUNT] = {
#define X(id, name) [TLS_COUNTER_##id] = name,
        TLS_COUNTER_LIST(X)
#undef X
    };
    uv_loop_t *loop = host->loop(w);
    struct tls_worker *tw;

    if (!loop) {
        snprintf(err->text, sizeof(err->text), "tcp_tls: this worker has no event loop");
        return -1;
    }
    tw = calloc(1, sizeof(*tw));
    if (!tw || !(tw->scratch = malloc(TLS_SCRATCH_BYTES)))
        abort();
    tw->host = host;
    tw->table = table;
    tw->w = w;
    tw->loop = loop;
    tw->creds = creds;
    tw->wire.write = tls_output_write;
    rt_list_init(&tw->dirty);
    rt_list_init(&tw->ready);
    rt_list_init(&tw->handshakes);
    tw->small = (struct tls_pool){tw->idle_small, 0, TLS_SMALL_POOL, TLS_SMALL_BYTES};
    tw->large = (struct tls_pool){tw->idle_large, 0, TLS_LARGE_POOL, TLS_LARGE_BYTES};
    tw->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < TLS_COUNTER_COUNT; i++)
        tw->counters[i] = host->counter(names[i]);
    uv_prepare_init(loop, &tw->prepare);
    uv_idle_init(loop, &tw->idle);
    tw->prepare.data = tw->idle.data = tw;
    tw->open_handles = 2;
    uv_prepare_start(&tw->prepare, on_prepare);
    uv_unref((uv_handle_t *)&tw->prepare);
    *out = tw;
    return 0;
}

static void on_handle_closed(uv_handle_t *h)
{
    struct tls_worker *tw = h->data;

    if (--tw->open_handles == 0)
        free(tw);
}

static void drain_pool(struct tls_pool *p)
{
    while (p->count > 0)
        relay_buf_drop(&p->idle[--p->count]);
}

void tls_worker_fini(struct tls_worker *tw)
{
    TLS_INSIST(tw->conns == 0 && tw->listeners == 0);
    TLS_INSIST(!has_work(tw) && tw->large_gathering == 0);
    publish_counters(tw);
    drain_pool(&tw->small);
    drain_pool(&tw->large);
    free(tw->scratch);
    tw->scratch = NULL;
    if (tw->reserve_fd >= 0)
        close(tw->reserve_fd);
    uv_close((uv_handle_t *)&tw->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&tw->idle, on_handle_closed);
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
