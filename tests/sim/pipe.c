/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "net_private.h"

/* A slow program reads this often. */
#define READ_TICK_NS (50 * RT_MS)
/* A backlog travels in at most about this many pieces, however fine the path splits. */
#define PIECES_MAX 256u

/* -- bytes -- */

void sim_bytes_push(struct sim_bytes *b, const void *ptr, size_t len)
{
    if (len == 0)
        return;
    if (b->head > 0 && b->head + b->len + len > b->room) {
        memmove(b->ptr, b->ptr + b->head, b->len);
        b->head = 0;
    }
    if (b->len + len > b->room) {
        b->room = (b->len + len) * 2;
        b->ptr = realloc(b->ptr, b->room);
        RT_INSIST(b->ptr != NULL);
    }
    memcpy(b->ptr + b->head + b->len, ptr, len);
    b->len += len;
}

void sim_bytes_shift(struct sim_bytes *b, size_t len)
{
    RT_REQUIRE(len <= b->len);
    b->len -= len;
    b->head = b->len ? b->head + len : 0;
}

void sim_bytes_free(struct sim_bytes *b)
{
    free(b->ptr);
    *b = (struct sim_bytes){0};
}

/* -- pipes -- */

struct piece {
    struct sim_link *link;
    struct sim_pipe *pipe;
    uint32_t n;
    uint8_t bytes[];
};

void sim_pipe_init(struct sim_pipe *p, bool is_up, const struct sim_path *path)
{
    p->is_up = is_up;
    p->window = is_up ? path->up_window : path->down_window;
    p->bytes_s = is_up ? path->up_bytes_s : path->down_bytes_s;
}

uint64_t sim_pipe_arrival(struct sim_link *l, struct sim_pipe *p)
{
    struct sim_prng *r = sim_prng(l->net->world);
    uint64_t at =
        sim_now(l->net->world) + l->path.latency_ns + sim_prng_below(r, l->path.jitter_ns + 1);

    if (at <= p->last_arrival_ns)
        at = p->last_arrival_ns + 1;
    p->last_arrival_ns = at;
    return at;
}

static uint32_t piece_len(struct sim_link *l, const struct sim_pipe *p, uint32_t room)
{
    struct sim_prng *r = sim_prng(l->net->world);
    uint32_t most = p->out.len < room ? (uint32_t)p->out.len : room, n = most;
    uint32_t floor = (uint32_t)(p->out.len / PIECES_MAX);
    uint64_t kind = sim_prng_below(r, 10);

    if (n > l->path.split_max)
        n = l->path.split_max;
    if (kind == 0 && n > 8)
        n = (uint32_t)sim_prng_between(r, 1, 8);
    else if (kind < 4 && n > 1)
        n = (uint32_t)sim_prng_between(r, 1, n);
    if (n < floor)
        n = floor;
    return n < most ? n : most;
}

static void arrive_at_peer(struct sim_link *l, const uint8_t *bytes, uint32_t n)
{
    sim_link_tell(l, SIM_TELL_ACKED, NULL, n, RELAY_END_LOCAL);
    if (!l->ops)
        return;
    if (l->path.read_bytes_s == 0) {
        l->ops->data(l->user, bytes, n);
        return;
    }
    l->down.unread += n;
    sim_bytes_push(&l->inbox, bytes, n);
    sim_link_read(l);
}

static void arrive_at_relay(struct sim_link *l, const uint8_t *bytes, uint32_t n)
{
    if (!l->has_relay_end) {
        sim_link_reset_peer(l);
        return;
    }
    l->up.unread += n;
    sim_link_tell(l, SIM_TELL_BYTES, bytes, n, RELAY_END_LOCAL);
}

static void on_piece(void *ctx, uint64_t arg)
{
    struct piece *c = ctx;
    struct sim_link *l = c->link;
    struct sim_pipe *p = c->pipe;

    (void)arg;
    sim_trace(l->net->world, p->is_up ? 'u' : 'd', l->id, c->n);
    p->in_flight -= c->n;
    if (!l->is_dead) {
        if (p->is_up)
            arrive_at_relay(l, c->bytes, c->n);
        else
            arrive_at_peer(l, c->bytes, c->n);
        sim_pipe_pump(l, p);
    }
    free(c);
    sim_link_done(l);
}

static void launch(struct sim_link *l, struct sim_pipe *p, uint32_t n)
{
    struct sim_world *w = l->net->world;
    struct piece *c = malloc(sizeof(*c) + n);

    RT_INSIST(c != NULL);
    c->link = l;
    c->pipe = p;
    c->n = n;
    memcpy(c->bytes, p->out.ptr + p->out.head, n);
    sim_bytes_shift(&p->out, n);
    p->in_flight += n;
    if (p->bytes_s) {
        uint64_t from = p->busy_until_ns > sim_now(w) ? p->busy_until_ns : sim_now(w);

        p->busy_until_ns = from + n * RT_S / p->bytes_s;
    }
    l->refs++;
    sim_at(w, sim_pipe_arrival(l, p), on_piece, c, 0);
}

static void on_pump(void *ctx, uint64_t arg)
{
    struct sim_link *l = ctx;
    struct sim_pipe *p = arg ? &l->up : &l->down;

    p->is_pump_armed = false;
    sim_pipe_pump(l, p);
    sim_link_done(l);
}

static void on_fin(void *ctx, uint64_t arg)
{
    struct sim_link *l = ctx;
    struct sim_pipe *p = arg ? &l->up : &l->down;

    p->has_fin_arrived = true;
    if (!l->is_dead && p->is_up)
        sim_link_tell(l, SIM_TELL_FIN, NULL, 0, RELAY_END_LOCAL);
    else if (!l->is_dead && !p->is_up)
        sim_link_read(l);
    sim_link_done(l);
}

void sim_pipe_pump(struct sim_link *l, struct sim_pipe *p)
{
    uint64_t now = sim_now(l->net->world);

    if (l->is_dead || !l->is_secure)
        return;
    while (p->out.len > 0) {
        uint32_t room = p->window - p->in_flight - p->unread;

        if (room == 0 || (room < p->out.len && room < p->window / 4))
            return; /* as real systems do, or pieces would only ever get smaller */
        if (p->busy_until_ns > now) {
            if (!p->is_pump_armed)
                sim_link_in(l, p->busy_until_ns, on_pump, p->is_up);
            p->is_pump_armed = true;
            return;
        }
        launch(l, p, piece_len(l, p, room));
    }
    if (p->is_fin_wanted && !p->is_fin_sent) {
        p->is_fin_sent = true;
        sim_link_in(l, sim_pipe_arrival(l, p), on_fin, p->is_up);
    }
}

/* -- the peer's program reads -- */

static void on_read(void *ctx, uint64_t arg)
{
    struct sim_link *l = ctx;
    size_t n = l->path.read_bytes_s / (RT_S / READ_TICK_NS) + 1;

    (void)arg;
    l->is_read_armed = false;
    if (l->path.read_bytes_s == 0 || n > l->inbox.len)
        n = l->inbox.len;
    if (n > 0 && l->ops && !l->is_dead) {
        uint8_t *copy = malloc(n);

        RT_INSIST(copy != NULL);
        memcpy(copy, l->inbox.ptr + l->inbox.head, n);
        sim_bytes_shift(&l->inbox, n);
        l->down.unread -= (uint32_t)n;
        l->ops->data(l->user, copy, n);
        free(copy);
        sim_pipe_pump(l, &l->down);
    }
    sim_link_read(l);
    sim_link_done(l);
}

void sim_link_read(struct sim_link *l)
{
    if (!l->ops || l->is_dead || l->is_read_armed)
        return;
    if (l->inbox.len > 0) {
        if (l->path.read_bytes_s == SIM_NEVER)
            return;
        l->is_read_armed = true;
        sim_link_in(l, sim_now(l->net->world) + (l->path.read_bytes_s ? READ_TICK_NS : 0), on_read,
                    0);
    } else if (l->down.has_fin_arrived && !l->has_told_eof) {
        l->has_told_eof = true;
        sim_link_in(l, sim_now(l->net->world), sim_link_on_eof, 0);
    }
}
