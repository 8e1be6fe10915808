/* SPDX-License-Identifier: MPL-2.0 */
#include "conn_world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* -- the world -- */

static uint64_t clock_ns;

static uint64_t fake_mono(void *ctx)
{
    (void)ctx;
    return clock_ns;
}

static void fake_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 7, len);
}

static const struct rt_seams seams = {fake_mono, fake_mono, fake_random, NULL};

/* -- the fake plugin -- */

static void fake_send(struct relay_conn *c, struct relay_vec *v)
{
    c->sent_bytes += relay_vec_len(v);
    if (c->keeps_output && c->held_count < 8) {
        c->held[c->held_count++] = *v;
        v->count = 0;
    } else {
        relay_vec_drop(v);
    }
}

static void fake_pause(struct relay_conn *c)
{
    c->is_paused = true;
    c->pauses++;
}

static void fake_resume(struct relay_conn *c)
{
    c->is_paused = false;
}

static void fake_close(struct relay_conn *c, enum relay_close how)
{
    c->is_closed = true;
    c->how = how;
    if (how == RELAY_CLOSE_ABORT)
        for (uint32_t i = 0; i < c->held_count; i++)
            relay_vec_drop(&c->held[i]);
    if (how == RELAY_CLOSE_ABORT)
        c->held_count = 0;
}

static void fake_peer(const struct relay_conn *c, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;

    (void)c;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(4242);
    v4->sin_addr.s_addr = htonl(0xc0000201);
}

static const struct relay_transport fake = {
    .name = "fake",
    .send = fake_send,
    .pause = fake_pause,
    .resume = fake_resume,
    .close = fake_close,
    .peer = fake_peer,
};

/* -- the consumer -- */

static void on_frame(void *user, struct rt_frame *f)
{
    struct consumer *k = user;
    uint32_t i = k->frames++ % SEEN_MAX;

    k->lens[i] = f->len;
    k->first[i] = f->len ? f->ptr[0] : 0;
    k->was_owned[i] = f->owner != NULL;
    for (uint32_t n = 1; n < f->len; n++)
        assert_int_equal(f->ptr[n], (uint8_t)(f->ptr[0] + n));
    if (k->holds)
        rt_conn_hold(k->conn);
}

static void on_discarded(void *user, uint32_t len)
{
    struct consumer *k = user;

    k->lens[k->discarded++ % SEEN_MAX] = len;
}

static void on_eof(void *user)
{
    struct consumer *k = user;

    k->eofs++;
    k->frames_at_eof = k->frames;
}

static void on_received(void *user)
{
    ((struct consumer *)user)->received++;
}

static void on_drained(void *user)
{
    ((struct consumer *)user)->drains++;
}

static void on_opened(void *user)
{
    (void)user;
}

static void on_ended(void *user, enum rt_conn_end how, enum relay_end end)
{
    struct consumer *k = user;

    (void)end;
    k->endings++;
    k->how = how;
    k->conn = NULL;
}

static const struct rt_conn_ops ops = {
    .opened = on_opened,
    .frame = on_frame,
    .discarded = on_discarded,
    .received = on_received,
    .eof = on_eof,
    .drained = on_drained,
    .ended = on_ended,
};

struct consumer consumers[64];
uint32_t consumer_count;

static void *on_accept(void *ctx, struct rt_conn *c, const struct rt_conn_ops **out_ops)
{
    struct consumer *k = &consumers[consumer_count++];

    (void)ctx;
    memset(k, 0, sizeof(*k));
    k->conn = c;
    *out_ops = &ops;
    return k;
}

/* -- fixture -- */

static struct rt_system *sys;
struct rt_worker *worker;
static struct rt_door *door;

int setup_with(uint32_t half_open_max, uint32_t per_prefix_max)
{
    struct rt_door_limits limits = {1000, half_open_max, per_prefix_max};
    uint8_t key[16] = {1};

    clock_ns = 1000 * RT_S;
    consumer_count = 0;
    rt_budget_configure(64u << 20);
    sys = rt_system_new(1, &seams);
    worker = rt_system_worker(sys, 0);
    if (rt_door_new(&limits, 1, key, &door) != RT_ERR_OK)
        return -1;
    rt_conn_worker_init(worker, door, (struct rt_conn_acceptor){on_accept, NULL});
    return 0;
}

int setup(void **state)
{
    (void)state;
    return setup_with(100, 50);
}

void turn(uint64_t advance_ns)
{
    clock_ns += advance_ns;
    rt_worker_refresh_clock(worker);
    while (rt_worker_turn(worker))
        ;
    while (rt_worker_next_timer(worker) <= clock_ns)
        rt_worker_turn(worker);
}

struct relay_conn *admit(const char *ip)
{
    struct relay_conn *c = calloc(1, sizeof(*c));
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    assert_int_equal(inet_pton(AF_INET, ip, &v4.sin_addr), 1);
    c->user = rt_conn_events.admit(worker, &fake, c, (const struct sockaddr *)&v4);
    if (!c->user) {
        free(c);
        return NULL;
    }
    return c;
}

void plugin_closed(struct relay_conn *c, enum relay_end end)
{
    fake_close(c, RELAY_CLOSE_ABORT);
    rt_conn_events.closed(c->user, end, NULL);
    turn(0);
    free(c);
}

int teardown(void **state)
{
    (void)state;
    turn(0);
    assert_int_equal(rt_conn_worker_count(worker), 0);
    rt_conn_worker_fini(worker);
    rt_door_free(&door);
    rt_system_free(&sys);
    return rt_buf_live() == 0 && rt_budget_used() == 0 ? 0 : -1;
}

size_t put_frame(uint8_t *out, uint32_t len, uint8_t first)
{
    out[0] = (uint8_t)(len >> 24);
    out[1] = (uint8_t)(len >> 16);
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    for (uint32_t i = 0; i < len; i++)
        out[4 + i] = (uint8_t)(first + i);
    return 4 + len;
}

size_t deliver(struct relay_conn *c, const uint8_t *bytes, size_t len, size_t piece,
               bool *out_wants)
{
    size_t at = 0;
    bool wants = false;

    while (at < len && !c->is_paused && !c->is_closed) {
        uint8_t *room;
        size_t n = len - at < piece ? len - at : piece, cap;

        rt_conn_events.alloc(c->user, &room, &cap);
        assert_true(cap > 0);
        n = n < cap ? n : cap;
        memcpy(room, bytes + at, n);
        wants = rt_conn_events.data(c->user, n);
        at += n;
    }
    if (out_wants)
        *out_wants = wants;
    return at;
}
