/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "net_private.h"
#include "world_private.h"

/* -- addresses -- */

void sim_addr4(struct sockaddr_storage *out, uint32_t ip, uint16_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;

    memset(out, 0, sizeof(*out));
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(ip);
    v4->sin_port = htons(port);
}

void sim_addr6(struct sockaddr_storage *out, uint64_t net, uint64_t host, uint16_t port)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;

    memset(out, 0, sizeof(*out));
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    for (int i = 0; i < 8; i++) {
        v6->sin6_addr.s6_addr[i] = (uint8_t)(net >> (56 - 8 * i));
        v6->sin6_addr.s6_addr[8 + i] = (uint8_t)(host >> (56 - 8 * i));
    }
}

bool sim_addr_equal(const struct sockaddr *a, const struct sockaddr *b)
{
    const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
    const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

    if (a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET)
        return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    return a6->sin6_port == b6->sin6_port &&
           memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

static const struct sockaddr *generic(const struct sockaddr_storage *a)
{
    return (const struct sockaddr *)(const void *)a;
}

/* -- links -- */

static struct sim_link *link_new(struct sim_net *n)
{
    struct sim_link *l = sim_alloc(sizeof(*l));

    l->net = n;
    return l;
}

static void link_enter(struct sim_link *l)
{
    struct sim_net *n = l->net;

    l->id = n->next_id++;
    l->next = n->links;
    l->link = &n->links;
    if (l->next)
        l->next->link = &l->next;
    n->links = l;
    n->count++;
    sim_pipe_init(&l->up, true, &l->path);
    sim_pipe_init(&l->down, false, &l->path);
    sim_trace(n->world, 'C', l->id, l->path.latency_ns);
}

static void link_free(struct sim_link *l)
{
    *l->link = l->next;
    if (l->next)
        l->next->link = l->link;
    l->net->count--;
    sim_bytes_free(&l->up.out);
    sim_bytes_free(&l->down.out);
    sim_bytes_free(&l->inbox);
    free(l);
}

void sim_link_in(struct sim_link *l, uint64_t at_ns, sim_event_fn *fn, uint64_t arg)
{
    l->refs++;
    sim_at(l->net->world, at_ns, fn, l, arg);
}

static void link_collect(struct sim_link *l)
{
    if (l->refs == 0 && !l->ops && !l->has_relay_end)
        link_free(l);
}

void sim_link_done(struct sim_link *l)
{
    l->refs--;
    link_collect(l);
}

void sim_link_tell(struct sim_link *l, enum sim_tell_kind kind, const void *bytes, uint32_t n,
                   enum relay_end end)
{
    struct sim_tell *t;

    if (!l->has_relay_end || !l->conn)
        return;
    t = sim_alloc(sizeof(*t) + (bytes ? n : 0));
    t->mail.run = sim_transport_hear;
    t->conn = l->conn;
    t->kind = kind;
    t->end = end;
    t->n = n;
    if (bytes)
        memcpy(t->bytes, bytes, n);
    sim_lane_post(l->lane, &t->mail);
}

/* -- ends -- */

static void tell_peer_closed(struct sim_link *l, enum sim_gone how)
{
    const struct sim_link_ops *ops = l->ops;

    l->ops = NULL;
    if (ops)
        ops->closed(l->user, how);
}

static void on_peer_reset(void *ctx, uint64_t arg)
{
    struct sim_link *l = ctx;

    (void)arg;
    l->is_dead = true;
    tell_peer_closed(l, SIM_GONE_RESET);
    sim_link_done(l);
}

void sim_link_reset_peer(struct sim_link *l)
{
    sim_link_in(l, sim_pipe_arrival(l, &l->down), on_peer_reset, 0);
}

static void on_orderly(void *ctx, uint64_t arg)
{
    struct sim_link *l = ctx;

    (void)arg;
    tell_peer_closed(l, SIM_GONE_ORDERLY);
    sim_link_done(l);
}

void sim_link_on_eof(void *ctx, uint64_t arg)
{
    struct sim_link *l = ctx;

    (void)arg;
    if (l->ops && !l->is_dead) {
        if (!l->up.is_fin_wanted)
            l->ops->eof(l->user);
        if (l->ops && l->up.is_fin_wanted)
            tell_peer_closed(l, SIM_GONE_ORDERLY);
    }
    sim_link_done(l);
}

static void on_relay_dead(void *ctx, uint64_t arg)
{
    struct sim_link *l = ctx;

    l->is_dead = true;
    l->is_refused_late = l->conn == NULL;
    sim_link_tell(l, SIM_TELL_CLOSED, NULL, 0, (enum relay_end)arg);
    sim_link_done(l);
}

/* -- what the transport says -- */

static void on_secure(void *ctx, uint64_t arg)
{
    struct sim_link *l = ctx;
    bool is_peer = arg != 0;

    if (l->is_dead || !l->has_relay_end) {
        sim_link_done(l);
        return;
    }
    if (is_peer) {
        if (l->ops && l->ops->opened)
            l->ops->opened(l->user);
    } else if (l->path.secure == SIM_SECURE_FAILS) {
        sim_link_tell(l, SIM_TELL_CLOSED, NULL, 0, RELAY_END_HANDSHAKE);
        sim_link_reset_peer(l);
    } else {
        l->is_secure = true;
        sim_link_tell(l, SIM_TELL_OPENED, NULL, 0, RELAY_END_LOCAL);
        sim_link_in(l, sim_pipe_arrival(l, &l->down), on_secure, 1);
        sim_pipe_pump(l, &l->up);
    }
    sim_link_done(l);
}

static void begin_secure(struct sim_link *l)
{
    uint64_t now = sim_now(l->net->world);

    if (l->is_refused_late)
        sim_link_tell(l, SIM_TELL_CLOSED, NULL, 0, RELAY_END_PEER);
    else if (l->path.secure != SIM_SECURE_NEVER)
        sim_link_in(l, now + 2 * l->path.latency_ns + 1, on_secure, 0);
}

void sim_link_begin_secure(struct sim_link *l)
{
    l->path.secure = SIM_SECURE_OK;
    begin_secure(l);
}

static void set_from(struct sim_link *l)
{
    uint16_t port = (uint16_t)(1024 + l->id % 60000);

    if (l->lane->home.ss_family == AF_UNSPEC) {
        sim_addr4(&l->from, 0x0a000001, port);
        return;
    }
    l->from = l->lane->home;
    ((struct sockaddr_in *)(void *)&l->from)->sin_port = htons(port); /* of both families */
}

static void dialled(struct sim_link *l)
{
    enum sim_pass pass = SIM_PASS;

    sim_path_good(&l->path);
    link_enter(l);
    set_from(l);
    if (l->net->filter)
        pass = l->net->filter(l->net->filter_ctx, generic(&l->from), generic(&l->to));
    if (pass != SIM_PASS) {
        if (pass == SIM_REFUSE)
            sim_link_tell(l, SIM_TELL_CLOSED, NULL, 0, RELAY_END_REFUSED);
        return;
    }
    if (sim_net_is_listened(l))
        sim_bridge(l);
    else
        sim_link_tell(l, SIM_TELL_CLOSED, NULL, 0, RELAY_END_REFUSED);
}

/* Orderly: all sent bytes still arrive, then the peer is gone. */
static void relay_gone(struct sim_link *l, bool is_reset)
{
    sim_link_tell(l, SIM_TELL_RELEASED, NULL, 0, RELAY_END_LOCAL);
    l->has_relay_end = false;
    if (is_reset) {
        sim_bytes_free(&l->down.out);
        l->down.is_fin_wanted = false;
        sim_link_reset_peer(l);
    }
}

void sim_net_hear(struct sim_mail *m)
{
    struct sim_say *s = (struct sim_say *)m;
    struct sim_link *l = s->link;

    l->refs++;
    switch (s->kind) {
    case SIM_SAY_DIAL:
        dialled(l);
        break;
    case SIM_SAY_ADMITTED:
        l->conn = s->conn;
        begin_secure(l);
        break;
    case SIM_SAY_REFUSED:
        l->has_relay_end = false;
        sim_link_reset_peer(l);
        break;
    case SIM_SAY_BYTES:
        if (!l->is_dead)
            sim_bytes_push(&l->down.out, s->bytes, s->n);
        sim_pipe_pump(l, &l->down);
        break;
    case SIM_SAY_CONSUMED:
        l->up.unread -= s->n;
        sim_pipe_pump(l, &l->up);
        break;
    case SIM_SAY_FIN:
        l->down.is_fin_wanted = true;
        sim_pipe_pump(l, &l->down);
        break;
    case SIM_SAY_GONE:
        relay_gone(l, s->n != 0);
        break;
    }
    sim_trace(l->net->world, 'S' + (uint32_t)s->kind, l->id, s->n);
    free(s);
    sim_link_done(l);
}

struct sim_link *sim_link_dialled(struct sim_net *n, struct sim_lane *lane, struct relay_conn *conn,
                                  const struct sockaddr *to, socklen_t len)
{
    struct sim_link *l = link_new(n);

    l->lane = lane;
    l->conn = conn;
    l->has_relay_end = true;
    memcpy(&l->to, to, len);
    return l;
}

/* -- what the peer does -- */

static void on_connect(void *ctx, uint64_t arg)
{
    struct sim_link *l = ctx;

    (void)arg;
    if (!l->is_dead && !sim_net_knock(l))
        sim_link_reset_peer(l);
    sim_link_done(l);
}

struct sim_link *sim_connect(struct sim_net *n, const struct sockaddr *from,
                             const struct sockaddr *to, const struct sim_path *path,
                             const struct sim_link_ops *ops, void *user)
{
    struct sim_link *l = link_new(n);

    l->path = *path;
    memcpy(&l->from, from,
           from->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    memcpy(&l->to, to,
           to->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    l->ops = ops;
    l->user = user;
    link_enter(l);
    sim_link_in(l, sim_pipe_arrival(l, &l->up), on_connect, 0);
    return l;
}

void sim_link_send(struct sim_link *l, const void *ptr, size_t len)
{
    RT_REQUIRE(!l->up.is_fin_wanted);
    if (l->is_dead)
        return;
    sim_bytes_push(&l->up.out, ptr, len);
    sim_pipe_pump(l, &l->up);
}

size_t sim_link_unsent(const struct sim_link *l)
{
    return l->up.out.len + l->up.in_flight;
}

void sim_link_fin(struct sim_link *l)
{
    l->up.is_fin_wanted = true;
    sim_pipe_pump(l, &l->up);
    if (l->has_told_eof)
        sim_link_in(l, sim_now(l->net->world), on_orderly, 0);
}

void sim_link_read_rate(struct sim_link *l, uint64_t bytes_s)
{
    l->path.read_bytes_s = bytes_s;
    sim_link_read(l);
}

void sim_link_stall(struct sim_link *l, uint64_t for_ns)
{
    l->up.busy_until_ns = l->down.busy_until_ns = sim_now(l->net->world) + for_ns;
}

static void give_up(struct sim_link *l)
{
    l->ops = NULL;
    l->refs++;
    sim_bytes_free(&l->inbox);
    l->down.unread = 0;
    l->path.read_bytes_s = 0;
}

void sim_link_close(struct sim_link *l)
{
    give_up(l);
    l->up.is_fin_wanted = true;
    if (l->is_secure) {
        sim_pipe_pump(l, &l->up);
        sim_pipe_pump(l, &l->down);
    } else {
        sim_link_in(l, sim_pipe_arrival(l, &l->up), on_relay_dead, RELAY_END_PEER);
    }
    sim_link_done(l);
}

void sim_link_reset(struct sim_link *l)
{
    give_up(l);
    sim_bytes_free(&l->up.out);
    sim_link_in(l, sim_pipe_arrival(l, &l->up), on_relay_dead, RELAY_END_PEER);
    sim_link_done(l);
}

void sim_link_vanish(struct sim_link *l)
{
    give_up(l);
    l->is_dead = true;
    sim_link_in(l, sim_now(l->net->world) + SIM_KEEPALIVE_NS, on_relay_dead, RELAY_END_TIMEOUT);
    sim_link_done(l);
}

/* -- the net itself -- */

void sim_net_set_filter(struct sim_net *n, sim_filter_fn *fn, void *ctx)
{
    n->filter = fn;
    n->filter_ctx = ctx;
}

uint32_t sim_net_links(const struct sim_net *n)
{
    return n->count;
}

void sim_path_good(struct sim_path *out)
{
    *out = (struct sim_path){.latency_ns = 200 * RT_US,
                             .jitter_ns = 50 * RT_US,
                             .up_window = 256 * 1024,
                             .down_window = 256 * 1024,
                             .send_buffer = 256 * 1024,
                             .split_max = 65536};
}

void sim_path_random(struct sim_world *w, struct sim_path *out)
{
    static const uint32_t splits[] = {1, 7, 1448, 16384, 65536};
    static const uint32_t windows[] = {4096, 16384, 65536, 262144};
    static const uint64_t rates[] = {0, 0, 64 * 1024, 1024 * 1024, 12 * 1024 * 1024};
    struct sim_prng *r = sim_prng(w);

    sim_path_good(out);
    out->latency_ns =
        sim_prng_between(r, 50 * RT_US, sim_prng_chance(r, 30) ? 150 * RT_MS : 5 * RT_MS);
    out->jitter_ns = sim_prng_below(r, out->latency_ns);
    out->up_bytes_s = rates[sim_prng_below(r, 5)];
    out->down_bytes_s = rates[sim_prng_below(r, 5)];
    out->up_window = windows[sim_prng_below(r, 4)];
    out->down_window = windows[sim_prng_below(r, 4)];
    out->send_buffer = windows[sim_prng_below(r, 4)];
    out->split_max = splits[sim_prng_below(r, 5)];
}

struct sim_net *sim_net_new(struct sim_world *w)
{
    struct sim_net *n = sim_alloc(sizeof(*n));

    n->world = w;
    n->next_port = 40000;
    RT_INSIST(pthread_mutex_init(&n->lock, NULL) == 0);
    return n;
}

void sim_net_free(struct sim_net **net)
{
    struct sim_net *n = *net;

    *net = NULL;
    if (!n)
        return;
    RT_REQUIRE(n->count == 0 && n->listening_count == 0);
    pthread_mutex_destroy(&n->lock);
    free(n);
}
