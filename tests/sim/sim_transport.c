/* SPDX-License-Identifier: MPL-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "link.h"
#include "sim_transport.h"

/* After a graceful close: how long without progress until the peer is given up. */
#define LINGER_NS (1 * RT_S)
#define SEND_PIECE_MAX 65536u

struct state {
    const struct relay_host *host;
    struct relay_worker *worker;
    struct sim_lane *lane;
    struct sim_prng prng;
    uint32_t conns, listeners; /* alive */
    uint32_t zombies;          /* closed, not yet RELEASED */
    bool is_finished;
};

struct relay_listener {
    struct state *state;
    bool is_open;
};

struct out {
    struct out *next;
    struct relay_slice slice;
};

struct relay_conn {
    struct state *state;
    struct sim_link *link;
    struct sockaddr_storage peer;
    void *user;

    bool is_open; /* opened was raised */
    bool is_paused;
    bool is_closing; /* the host has called close */
    bool is_aborting;
    bool has_failed; /* no memory for a copy: to be closed as SYSTEM */
    bool is_dead;    /* closed was raised: waits for RELEASED */
    bool has_peer_fin, has_told_eof, has_said_fin;
    bool is_turn_posted;
    bool is_sent_due;

    struct sim_tell *in, **in_tail; /* arrived, not yet given to the host */
    uint32_t in_at;                 /* bytes of the first that were given */
    struct out *out, **out_tail;
    size_t left;
    uint32_t room, buffer; /* free bytes of the system's send buffer, and its size */
    struct relay_timer linger;
};

static void conn_turn(struct relay_conn *c);

/* -- talking to the network -- */

static void say(struct relay_conn *c, enum sim_say_kind kind, const void *bytes, uint32_t n)
{
    struct sim_say *s = sim_alloc(sizeof(*s) + (bytes ? n : 0));

    s->mail.run = sim_net_hear;
    s->link = c->link;
    s->conn = c;
    s->kind = kind;
    s->n = n;
    if (bytes)
        memcpy(s->bytes, bytes, n);
    sim_world_post(sim_lane_world(c->state->lane), &s->mail);
}

struct later {
    struct sim_mail mail;
    struct relay_conn *conn;
};

static void run_later(struct sim_mail *m)
{
    struct later *l = (struct later *)m;
    struct relay_conn *c = l->conn;

    free(l);
    c->is_turn_posted = false;
    conn_turn(c);
}

/* A verb records; this runs on the lane's next turn. A dead conn lives until RELEASED, which comes
 * after all mail that was posted before. */
static void later(struct relay_conn *c)
{
    struct later *l;

    if (c->is_turn_posted || c->is_dead)
        return;
    c->is_turn_posted = true;
    l = sim_alloc(sizeof(*l));
    l->mail.run = run_later;
    l->conn = c;
    sim_lane_post(c->state->lane, &l->mail);
}

/* -- a connection's memory -- */

static void on_linger(struct relay_timer *t)
{
    struct relay_conn *c = RT_CONTAINER_OF(t, struct relay_conn, linger);

    c->is_aborting = true;
    later(c);
}

static struct relay_conn *conn_new(struct state *s)
{
    struct relay_conn *c = sim_alloc(sizeof(*c));

    c->state = s;
    c->in_tail = &c->in;
    c->out_tail = &c->out;
    c->linger.fire = on_linger;
    s->conns++;
    return c;
}

static void drop_in(struct relay_conn *c)
{
    uint32_t n = 0;

    while (c->in) {
        struct sim_tell *t = c->in;

        n += t->n - c->in_at;
        c->in_at = 0;
        c->in = (struct sim_tell *)t->mail.next;
        free(t);
    }
    c->in_tail = &c->in;
    if (n > 0)
        say(c, SIM_SAY_CONSUMED, NULL, n);
}

static void drop_out(struct relay_conn *c)
{
    while (c->out) {
        struct out *o = c->out;

        c->out = o->next;
        relay_slice_drop(&o->slice);
        free(o);
    }
    c->out_tail = &c->out;
    c->left = 0;
}

static void conn_finish(struct relay_conn *c, enum relay_end end, bool is_reset)
{
    const struct relay_host *h = c->state->host;

    RT_INSIST(!c->is_dead);
    c->is_dead = true;
    h->timer_disarm(c->state->worker, &c->linger);
    drop_in(c);
    drop_out(c);
    h->events->closed(c->user, end, NULL);
    c->state->conns--;
    c->state->zombies++;
    say(c, SIM_SAY_GONE, NULL, is_reset);
}

/* -- what has come -- */

static bool is_reading(const struct relay_conn *c)
{
    return c->is_open && !c->is_paused && !c->is_closing;
}

/* Gives the host one piece. False: it wants no more now. */
static bool give_piece(struct relay_conn *c)
{
    const struct relay_events *ev = c->state->host->events;
    struct sim_tell *t = c->in;
    uint32_t left = t->n - c->in_at;
    uint8_t *to = NULL;
    size_t room = 0;

    ev->alloc(c->user, &to, &room);
    RT_REQUIRE(to != NULL && room > 0);
    if (!is_reading(c))
        return true;
    if (sim_prng_chance(&c->state->prng, 2)) {
        later(c);
        return false; /* nothing was there after all */
    }
    if (room > left)
        room = left;
    memcpy(to, t->bytes + c->in_at, room);
    c->in_at += (uint32_t)room;
    if (c->in_at == t->n) {
        c->in = (struct sim_tell *)t->mail.next;
        if (!c->in)
            c->in_tail = &c->in;
        c->in_at = 0;
        free(t);
    }
    say(c, SIM_SAY_CONSUMED, NULL, (uint32_t)room);
    ev->data(c->user, room);
    return true;
}

static void conn_receive(struct relay_conn *c)
{
    while (c->in && is_reading(c))
        if (!give_piece(c))
            return;
    /* eof is not held back by a pause, though data may be. */
    if (c->has_peer_fin && !c->has_told_eof && c->is_open && !c->is_closing &&
        (!c->in || c->is_paused)) {
        c->has_told_eof = true;
        c->state->host->events->eof(c->user);
    }
}

/* -- what goes -- */

/* Moves up to room bytes into the system's send buffer; small leavings wait for more room. */
static void flush(struct relay_conn *c)
{
    if (c->room < c->left && c->room < c->buffer / 4)
        return;
    while (c->out && c->room > 0) {
        struct out *o = c->out;
        uint32_t n = o->slice.len < c->room ? o->slice.len : c->room;

        if (n > SEND_PIECE_MAX)
            n = SEND_PIECE_MAX;
        say(c, SIM_SAY_BYTES, o->slice.ptr, n);
        c->room -= n;
        c->left -= n;
        o->slice.ptr += n;
        o->slice.len -= n;
        if (o->slice.len > 0)
            continue;
        c->out = o->next;
        if (!c->out)
            c->out_tail = &c->out;
        relay_slice_drop(&o->slice);
        free(o);
    }
}

static void conn_send_turn(struct relay_conn *c)
{
    size_t before = c->left;

    flush(c);
    if ((c->is_sent_due || c->left < before) && !c->is_closing) {
        c->is_sent_due = false;
        c->state->host->events->sent(c->user, c->left);
    }
    if (c->is_closing && c->left < before)
        c->state->host->timer_arm(c->state->worker, &c->linger,
                                  c->state->host->now_ns(c->state->worker) + LINGER_NS);
}

static void conn_turn(struct relay_conn *c)
{
    if (c->is_dead)
        return;
    if (c->has_failed) {
        conn_finish(c, c->is_closing ? RELAY_END_LOCAL : RELAY_END_SYSTEM, true);
        return;
    }
    if (c->is_aborting || (c->is_closing && !c->is_open)) {
        conn_finish(c, RELAY_END_LOCAL, true);
        return;
    }
    conn_send_turn(c);
    conn_receive(c);
    if (c->is_closing && !c->is_aborting && c->left == 0) {
        drop_in(c);
        if (!c->has_said_fin)
            say(c, SIM_SAY_FIN, NULL, 0);
        c->has_said_fin = true;
        if (c->has_peer_fin)
            conn_finish(c, RELAY_END_LOCAL, false);
    }
}

/* -- what the network tells -- */

static void hear_bytes(struct relay_conn *c, struct sim_tell *t)
{
    if (c->is_closing) {
        say(c, SIM_SAY_CONSUMED, NULL, t->n);
        free(t);
        return;
    }
    t->mail.next = NULL;
    *c->in_tail = t;
    c->in_tail = (struct sim_tell **)(void *)&t->mail.next;
    conn_turn(c);
}

static void state_collect(struct state *s)
{
    if (s->is_finished && s->zombies == 0)
        free(s);
}

static void hear_released(struct relay_conn *c)
{
    struct state *s = c->state;

    RT_INSIST(c->is_dead && !c->is_turn_posted);
    free(c);
    s->zombies--;
    state_collect(s);
}

void sim_transport_hear(struct sim_mail *m)
{
    struct sim_tell *t = (struct sim_tell *)m;
    struct relay_conn *c = t->conn;
    enum sim_tell_kind kind = t->kind;
    enum relay_end end = t->end;

    if (kind == SIM_TELL_BYTES && !c->is_dead) {
        hear_bytes(c, t);
        return;
    }
    if (kind == SIM_TELL_ACKED)
        c->room += t->n;
    free(t);
    if (kind == SIM_TELL_RELEASED) {
        hear_released(c);
        return;
    }
    if (c->is_dead)
        return;
    if (kind == SIM_TELL_CLOSED) {
        conn_finish(c, c->is_closing ? RELAY_END_LOCAL : end, true);
        return;
    }
    if (kind == SIM_TELL_OPENED && !c->is_closing) {
        c->is_open = true;
        c->state->host->events->opened(c->user);
    }
    if (kind == SIM_TELL_FIN)
        c->has_peer_fin = true;
    conn_turn(c);
}

/* -- listeners -- */

void sim_transport_knock(struct sim_mail *m)
{
    struct sim_knock *k = (struct sim_knock *)m;
    struct state *s = k->listener->state;
    struct relay_conn *c = conn_new(s);

    c->link = k->link;
    c->peer = k->peer;
    c->room = c->buffer = k->send_buffer;
    if (k->listener->is_open)
        c->user = s->host->events->admit(s->worker, sim_transport(), c,
                                         (const struct sockaddr *)&c->peer);
    free(k);
    say(c, c->user ? SIM_SAY_ADMITTED : SIM_SAY_REFUSED, NULL, 0);
    if (!c->user) {
        s->conns--;
        free(c);
    }
}

static int v_listen(void *state, const struct relay_listen *spec, struct relay_listener **out,
                    struct sockaddr_storage *out_bound, struct relay_error *err)
{
    struct state *s = state;
    struct sockaddr_storage addr = {0};
    struct relay_listener *l;

    if (spec->fd >= 0) {
        snprintf(err->text, sizeof(err->text), "the simulated network has no sockets to inherit");
        return -1;
    }
    l = sim_alloc(sizeof(*l));
    memcpy(&addr, spec->addr, spec->addr_len);
    l->state = s;
    l->is_open = true;
    if (!sim_net_listen(sim_world_net(sim_lane_world(s->lane)), &addr, spec->index, s->lane, l)) {
        snprintf(err->text, sizeof(err->text), "sim: port %u has another listener",
                 ntohs(((const struct sockaddr_in *)spec->addr)->sin_port));
        free(l);
        return -1;
    }
    s->listeners++;
    *out = l;
    *out_bound = addr;
    return 0;
}

struct last_bytes {
    struct sim_mail mail;
    struct relay_listener *listener;
};

static void run_last_bytes(struct sim_mail *m)
{
    struct last_bytes *f = (struct last_bytes *)m;

    free(f->listener);
    free(f);
}

/* The struct stays until all knocks that were posted before have been heard. */
static void v_unlisten(struct relay_listener *l)
{
    struct last_bytes *f = sim_alloc(sizeof(*f));

    l->is_open = false;
    l->state->listeners--;
    sim_net_unlisten(sim_world_net(sim_lane_world(l->state->lane)), l);
    f->mail.run = run_last_bytes;
    f->listener = l;
    sim_lane_post(l->state->lane, &f->mail);
}

/* -- verbs on connections -- */

static int v_dial(void *state, const struct sockaddr *addr, socklen_t addr_len, void *user,
                  struct relay_conn **out, struct relay_error *err)
{
    struct state *s = state;
    struct relay_conn *c;

    if (addr->sa_family != AF_INET && addr->sa_family != AF_INET6) {
        snprintf(err->text, sizeof(err->text), "not an internet address");
        return -1;
    }
    c = conn_new(s);
    c->user = user;
    c->room = c->buffer = SEND_PIECE_MAX;
    memcpy(&c->peer, addr, addr_len);
    c->link = sim_link_dialled(sim_world_net(sim_lane_world(s->lane)), s->lane, c, addr, addr_len);
    say(c, SIM_SAY_DIAL, NULL, 0);
    *out = c;
    return 0;
}

/* A copy that is charged like every other buffer; false: no memory. */
static bool own(struct state *s, struct relay_slice *v)
{
    struct relay_buf *b;

    if (v->owner)
        return true;
    b = s->host->buf_new(v->len);
    if (!b)
        return false;
    memcpy(b->bytes, v->ptr, v->len);
    *v = relay_slice_own(b, b->bytes, v->len);
    return true;
}

static void v_send(struct relay_conn *c, struct relay_vec *v)
{
    RT_REQUIRE(!c->is_dead);
    RT_REQUIRE(c->is_open || c->is_closing);
    RT_REQUIRE(v->count <= RELAY_VEC_MAX);
    for (uint32_t i = 0; i < v->count && !c->is_closing && !c->has_failed; i++) {
        struct out *o;

        if (v->slice[i].len == 0)
            continue;
        if (!own(c->state, &v->slice[i])) {
            c->has_failed = true;
            break;
        }
        o = sim_alloc(sizeof(*o));
        o->slice = relay_slice_take(&v->slice[i]);
        c->left += o->slice.len;
        *c->out_tail = o;
        c->out_tail = &o->next;
    }
    relay_vec_drop(v);
    c->is_sent_due = true;
    later(c);
}

static void v_pause(struct relay_conn *c)
{
    RT_REQUIRE(!c->is_dead);
    c->is_paused = true;
}

static void v_resume(struct relay_conn *c)
{
    RT_REQUIRE(!c->is_dead);
    if (!c->is_paused)
        return;
    c->is_paused = false;
    later(c);
}

static void v_close(struct relay_conn *c, enum relay_close how)
{
    const struct relay_host *h = c->state->host;

    RT_REQUIRE(!c->is_dead);
    if (how == RELAY_CLOSE_ABORT) {
        c->is_aborting = true;
        drop_out(c);
    } else if (!c->is_closing) {
        h->timer_arm(c->state->worker, &c->linger, h->now_ns(c->state->worker) + LINGER_NS);
    }
    c->is_closing = true;
    later(c);
}

static void v_peer(const struct relay_conn *c, struct sockaddr_storage *out)
{
    *out = c->peer;
}

/* -- per worker -- */

static int v_worker_init(const struct relay_host *host, struct relay_worker *w, void **out_state,
                         struct relay_error *err)
{
    struct state *s;

    if (!host->loop(w)) {
        snprintf(err->text, sizeof(err->text), "the simulated transport needs a lane to run on");
        return -1;
    }
    s = sim_alloc(sizeof(*s));
    s->host = host;
    s->worker = w;
    s->lane = host->loop(w);
    s->prng.state = host->worker_index(w) + 1;
    *out_state = s;
    return 0;
}

static void v_worker_fini(void *state)
{
    struct state *s = state;

    RT_REQUIRE(s->conns == 0 && s->listeners == 0);
    s->is_finished = true;
    state_collect(s);
}

static const struct relay_transport table = {
    .magic = RELAY_TRANSPORT_MAGIC,
    .abi_minor = RELAY_ABI_MINOR,
    .build = RELAY_BUILD_KIND,
    .size = sizeof(struct relay_transport),
    .name = "sim",
    .schemes = "sim",
    .worker_init = v_worker_init,
    .worker_fini = v_worker_fini,
    .listen = v_listen,
    .unlisten = v_unlisten,
    .dial = v_dial,
    .send = v_send,
    .pause = v_pause,
    .resume = v_resume,
    .close = v_close,
    .peer = v_peer,
};

const struct relay_transport *sim_transport(void)
{
    return &table;
}
