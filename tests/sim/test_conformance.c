/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the simulated transport keeps the laws every transport keeps, so that what the scenarios
 * show of the relay holds for the real ones. The suite's driver here is a stepped world with one
 * lane.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "conformance/conformance.h"
#include "sim_transport.h"
#include "net.h"

#define SETTLE_NS (100 * RT_S)

struct driver {
    struct sim_world *world;
    struct sim_lane *lane;
    struct relay_timer *timers;
    size_t buffers, bytes, bytes_max;
    _Atomic uint64_t counter;
};

static struct driver *current;

/* -- the host -- */

static void host_log(enum relay_log_level level, const char *text)
{
    (void)level, (void)text;
}

static uint64_t host_now_ns(struct relay_worker *w)
{
    (void)w;
    return sim_now(current->world);
}

static void host_random(struct relay_worker *w, void *out, size_t len)
{
    (void)w;
    sim_seams(current->world)->random(sim_seams(current->world)->ctx, out, len);
}

static void buf_free(struct relay_buf *b)
{
    current->buffers--;
    current->bytes -= b->capacity;
    free(b);
}

static struct relay_buf *host_buf_new(size_t capacity)
{
    struct relay_buf *b;

    if (current->bytes + capacity > current->bytes_max)
        return NULL;
    b = sim_alloc(sizeof(*b) + capacity);
    atomic_init(&b->refs, 1);
    b->capacity = (uint32_t)capacity;
    b->free = buf_free;
    current->buffers++;
    current->bytes += capacity;
    return b;
}

static void *host_loop(struct relay_worker *w)
{
    (void)w;
    return current->lane;
}

static uint16_t host_worker_index(struct relay_worker *w)
{
    (void)w;
    return 0;
}

static void host_timer_disarm(struct relay_worker *w, struct relay_timer *t)
{
    (void)w;
    if (!t->link)
        return;
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    t->link = NULL;
}

static void host_timer_arm(struct relay_worker *w, struct relay_timer *t, uint64_t at_ns)
{
    host_timer_disarm(w, t);
    t->at_ns = at_ns;
    t->next = current->timers;
    t->link = &current->timers;
    if (t->next)
        t->next->link = &t->next;
    current->timers = t;
}

static bool host_post(uint16_t index, const char *transport, void (*fn)(void *state, void *arg),
                      void *arg)
{
    (void)index, (void)transport, (void)fn, (void)arg;
    return false;
}

static _Atomic uint64_t *host_counter(const char *name)
{
    (void)name;
    return &current->counter;
}

static const char *host_option(const char *name)
{
    (void)name;
    return NULL;
}

static int host_secret(const char *name, void *out, size_t len)
{
    (void)name, (void)out, (void)len;
    return -1;
}

static struct relay_host host = {
    .size = sizeof(struct relay_host),
    .abi_minor = RELAY_ABI_MINOR,
    .worker_count = 1,
    .log = host_log,
    .now_ns = host_now_ns,
    .wall_ns = host_now_ns,
    .random = host_random,
    .buf_new = host_buf_new,
    .loop = host_loop,
    .worker_index = host_worker_index,
    .timer_arm = host_timer_arm,
    .timer_disarm = host_timer_disarm,
    .post = host_post,
    .counter = host_counter,
    .option = host_option,
    .secret = host_secret,
};

/* -- the lane -- */

static struct relay_timer *first_timer(void)
{
    struct relay_timer *first = current->timers;

    for (struct relay_timer *t = first; t; t = t->next)
        if (t->at_ns < first->at_ns)
            first = t;
    return first;
}

static void lane_nothing(void *ctx)
{
    (void)ctx;
}

static bool lane_turn(void *ctx)
{
    struct relay_timer *t;

    (void)ctx;
    while ((t = first_timer()) && t->at_ns <= sim_now(current->world)) {
        host_timer_disarm(NULL, t);
        t->fire(t);
    }
    return false;
}

static uint64_t lane_next_ns(void *ctx)
{
    struct relay_timer *t = first_timer();

    (void)ctx;
    return t ? t->at_ns : SIM_NEVER;
}

static const struct sim_lane_ops lane_ops = {lane_nothing, lane_nothing, lane_nothing, lane_turn,
                                             lane_next_ns};

/* -- the driver -- */

static void *driver_open(const struct relay_events *events, const struct relay_host **out_host,
                         struct relay_worker **out_worker)
{
    const char *seed = getenv("RELAY_TEST_SEED");
    struct driver *d = sim_alloc(sizeof(*d));

    d->world = sim_world_new(seed ? strtoull(seed, NULL, 0) : 1, false);
    d->bytes_max = SIZE_MAX;
    current = d;
    d->lane = sim_lane_new(d->world, &lane_ops, d);
    host.events = events;
    *out_host = &host;
    *out_worker = (struct relay_worker *)(void *)d;
    return d;
}

static size_t driver_close(void *ctx)
{
    struct driver *d = ctx;
    size_t left;

    sim_run(d->world, sim_now(d->world) + SETTLE_NS, NULL, NULL);
    left = sim_net_links(sim_world_net(d->world)) + (d->timers != NULL);
    sim_lane_free(&d->lane);
    if (left == 0)
        sim_world_free(&d->world);
    current = NULL;
    free(d);
    return left;
}

static bool is_second_look(void *ctx)
{
    return (*(unsigned *)ctx)++ > 0;
}

static void driver_turn(void *ctx, uint64_t max_wait_ns)
{
    struct driver *d = ctx;
    unsigned looks = 0;

    sim_run(d->world, sim_now(d->world) + max_wait_ns, is_second_look, &looks);
}

static uint64_t driver_now_ns(void *ctx)
{
    return sim_now(((struct driver *)ctx)->world);
}

static size_t driver_buffers(const void *ctx)
{
    return ((const struct driver *)ctx)->buffers;
}

static size_t driver_bytes(const void *ctx)
{
    return ((const struct driver *)ctx)->bytes;
}

static void driver_bytes_max(void *ctx, size_t max)
{
    ((struct driver *)ctx)->bytes_max = max;
}

static const struct cf_driver driver = {
    .open = driver_open,
    .close = driver_close,
    .turn = driver_turn,
    .now_ns = driver_now_ns,
    .buffers_live = driver_buffers,
    .bytes_live = driver_bytes,
    .set_bytes_max = driver_bytes_max,
};

int main(void)
{
    struct cf_subject v4 = {.transport = sim_transport(),
                            .driver = &driver,
                            .address = "192.0.2.1",
                            .has_dead_ports = true};
    struct cf_subject v6 = v4;

    v6.address = "2001:db8::1";
    return cf_run(&v4) + cf_run(&v6) == 0 ? 0 : 1;
}
