/* SPDX-License-Identifier: MPL-2.0 */
#include "qsim.h"

#define CONNECT_LIMIT_NS (60 * QSIM_S)

struct goal {
    const struct qsim_end *e;
    uint64_t bytes;
};

static bool is_open(void *ctx)
{
    const struct qsim_end *e = ctx;

    if (e->has_closed)
        qsim_fail(e->host->world, "it ended (%d, %s) instead of opening", (int)e->why.why,
                  e->why.detail ? e->why.detail : "");
    return e->has_opened;
}

static bool is_accepted(void *ctx)
{
    const struct qsim_host *h = ctx;

    for (unsigned i = 0; i < h->end_count; i++) {
        if (h->ends[i]->has_opened)
            return true;
    }
    return false;
}

struct qsim_end *qsim_connect(struct qsim_world *w, struct qsim_end **out_server)
{
    struct qsim_end *a = qsim_dial(w);

    qsim_until(w, is_open, a, CONNECT_LIMIT_NS, "the client's handshake");
    qsim_until(w, is_accepted, &w->server, CONNECT_LIMIT_NS, "the server's handshake");
    /* a spoilt first packet may have begun one that never opens */
    for (unsigned i = 0; i < w->server.end_count; i++) {
        if (w->server.ends[i]->has_opened)
            *out_server = w->server.ends[i];
    }
    return a;
}

static bool is_received(void *ctx)
{
    const struct goal *g = ctx;

    if (g->e->has_closed && g->e->received < g->bytes)
        qsim_fail(g->e->host->world, "it ended (%d, %s) after %llu bytes of %llu",
                  (int)g->e->why.why, g->e->why.detail ? g->e->why.detail : "",
                  (unsigned long long)g->e->received, (unsigned long long)g->bytes);
    return g->e->received >= g->bytes;
}

void qsim_until_received(struct qsim_end *e, uint64_t bytes, uint64_t limit_ns)
{
    struct goal g = {e, bytes};

    qsim_until(e->host->world, is_received, &g, limit_ns, "bytes");
    QSIM_CHECK(e->host->world, e->received == bytes);
}

static bool is_closed(void *ctx)
{
    return ((const struct qsim_end *)ctx)->has_closed;
}

void qsim_until_closed(struct qsim_end *e, uint64_t limit_ns)
{
    qsim_until(e->host->world, is_closed, e, limit_ns, "the end");
}

void qsim_exchange(struct qsim_world *w, struct qsim_end *a, struct qsim_end *z, uint64_t n,
                   uint64_t limit_ns)
{
    uint64_t a_has = a->received, z_has = z->received;

    QSIM_CHECK(w, a->to_send == 0 && z->to_send == 0);
    qsim_send(a, n);
    qsim_send(z, n);
    qsim_until_received(z, z_has + n, limit_ns);
    qsim_until_received(a, a_has + n, limit_ns);
}
