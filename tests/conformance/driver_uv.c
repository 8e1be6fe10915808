/* SPDX-License-Identifier: MPL-2.0 */
/* A host around a uv loop, with no more than the suite needs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <uv.h>

#include "conformance.h"

#define NS_PER_MS UINT64_C(1000000)
#define CLOSE_TURNS 100
#define COUNTERS_MAX 64

struct driver {
    uv_loop_t loop;
    uv_timer_t wait;            /* bounds a turn's sleep */
    struct relay_timer *timers; /* armed ones, in no order */
    _Atomic uint64_t counters[COUNTERS_MAX];
    char counter_names[COUNTERS_MAX][64];
    size_t bytes_max;
};

static struct driver *current;
static _Atomic size_t buffers, bytes;

static uint64_t now_ns(struct relay_worker *w)
{
    (void)w;
    return uv_hrtime();
}

static uint64_t wall_ns(struct relay_worker *w)
{
    struct timespec ts;

    (void)w;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

static void random_bytes(struct relay_worker *w, void *out, size_t len)
{
    (void)w;
    if (getrandom(out, len, 0) != (ssize_t)len)
        abort();
}

static void write_log(enum relay_log_level level, const char *text)
{
    if (level <= RELAY_LOG_WARN)
        fprintf(stderr, "log: %s\n", text);
}

static void free_buf(struct relay_buf *b)
{
    atomic_fetch_sub(&bytes, b->capacity);
    atomic_fetch_sub(&buffers, 1);
    free(b);
}

static struct relay_buf *new_buf(size_t capacity)
{
    struct relay_buf *b;

    if (atomic_load(&bytes) + capacity > current->bytes_max)
        return NULL;
    b = malloc(sizeof(*b) + capacity);
    if (!b)
        abort();
    atomic_init(&b->refs, 1);
    b->capacity = (uint32_t)capacity;
    b->free = free_buf;
    atomic_fetch_add(&bytes, capacity);
    atomic_fetch_add(&buffers, 1);
    return b;
}

static void *loop_of(struct relay_worker *w)
{
    (void)w;
    return &current->loop;
}

static uint16_t worker_index(struct relay_worker *w)
{
    (void)w;
    return 0;
}

static void timer_disarm(struct relay_worker *w, struct relay_timer *t)
{
    (void)w;
    if (!t->link)
        return;
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    t->link = NULL;
}

static void timer_arm(struct relay_worker *w, struct relay_timer *t, uint64_t at_ns)
{
    timer_disarm(w, t);
    t->at_ns = at_ns;
    t->next = current->timers;
    t->link = &current->timers;
    if (t->next)
        t->next->link = &t->next;
    current->timers = t;
}

static bool post(uint16_t index, const char *transport, void (*fn)(void *state, void *arg),
                 void *arg)
{
    (void)index, (void)transport, (void)fn, (void)arg;
    return false;
}

static _Atomic uint64_t *counter(const char *name)
{
    for (size_t i = 0; i < COUNTERS_MAX; i++) {
        if (current->counter_names[i][0] == '\0')
            snprintf(current->counter_names[i], sizeof(current->counter_names[i]), "%s", name);
        if (strcmp(current->counter_names[i], name) == 0)
            return &current->counters[i];
    }
    abort();
}

static const char *option(const char *name)
{
    (void)name;
    return NULL;
}

static int secret(const char *name, void *out, size_t len)
{
    (void)name;
    random_bytes(NULL, out, len);
    return 0;
}

static struct relay_host host = {
    .size = sizeof(struct relay_host),
    .abi_minor = RELAY_ABI_MINOR,
    .worker_count = 1,
    .log = write_log,
    .now_ns = now_ns,
    .wall_ns = wall_ns,
    .random = random_bytes,
    .buf_new = new_buf,
    .loop = loop_of,
    .worker_index = worker_index,
    .timer_arm = timer_arm,
    .timer_disarm = timer_disarm,
    .post = post,
    .counter = counter,
    .option = option,
    .secret = secret,
};

static void *driver_open(const struct relay_events *events, const struct relay_host **out_host,
                         struct relay_worker **out_worker)
{
    struct driver *d = calloc(1, sizeof(*d));

    if (!d || uv_loop_init(&d->loop) != 0 || uv_timer_init(&d->loop, &d->wait) != 0)
        abort();
    d->bytes_max = SIZE_MAX;
    atomic_store(&buffers, 0); /* a failed test may have left some behind */
    atomic_store(&bytes, 0);
    current = d;
    host.events = events;
    *out_host = &host;
    *out_worker = (struct relay_worker *)d;
    return d;
}

static void on_wait_over(uv_timer_t *t)
{
    (void)t;
}

static void fire_timers(struct driver *d)
{
    uint64_t now = uv_hrtime();
    struct relay_timer *t = d->timers;

    while (t) {
        if (t->at_ns > now) {
            t = t->next;
            continue;
        }
        timer_disarm(NULL, t);
        t->fire(t);
        t = d->timers; /* whatever it did to the list */
    }
}

static void driver_turn(void *ctx, uint64_t max_wait_ns)
{
    struct driver *d = ctx;

    uv_update_time(&d->loop);
    /* Again and again: held up for a millisecond here, the first one would be over before the poll,
     * which then waited without a limit. */
    uv_timer_start(&d->wait, on_wait_over, (max_wait_ns + NS_PER_MS - 1) / NS_PER_MS, 1);
    uv_run(&d->loop, UV_RUN_ONCE);
    fire_timers(d);
}

static void count_handle(uv_handle_t *h, void *arg)
{
    (void)h;
    ++*(size_t *)arg;
}

static size_t driver_close(void *ctx)
{
    struct driver *d = ctx;
    size_t handles = 0, timers = 0;

    uv_close((uv_handle_t *)&d->wait, NULL);
    for (int i = 0; i < CLOSE_TURNS && uv_run(&d->loop, UV_RUN_NOWAIT) != 0; i++)
        continue;
    uv_walk(&d->loop, count_handle, &handles);
    for (struct relay_timer *t = d->timers; t; t = t->next)
        timers++;
    if (handles == 0 && uv_loop_close(&d->loop) != 0)
        handles++;
    free(d);
    current = NULL;
    return handles + timers;
}

static uint64_t driver_now(void *d)
{
    (void)d;
    return uv_hrtime();
}

static size_t driver_buffers(const void *d)
{
    (void)d;
    return atomic_load(&buffers);
}

static size_t driver_bytes(const void *d)
{
    (void)d;
    return atomic_load(&bytes);
}

static void driver_bytes_max(void *ctx, size_t max)
{
    struct driver *d = ctx;

    d->bytes_max = max;
}

const struct cf_driver cf_driver_uv = {
    .open = driver_open,
    .close = driver_close,
    .turn = driver_turn,
    .now_ns = driver_now,
    .buffers_live = driver_buffers,
    .bytes_live = driver_bytes,
    .set_bytes_max = driver_bytes_max,
};
