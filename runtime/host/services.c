/* SPDX-License-Identifier: MPL-2.0 */
#include "host/services.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"

#define POST_KIND RT_NOTIFY_KIND(HOST, 2)

struct post {
    struct rt_msg msg;
    uint16_t slot; /* the transport's */
    void (*fn)(void *state, void *arg);
    void *arg;
};

/* One per network worker, where posts arrive. */
struct poster {
    struct rt_actor actor;
    struct rt_addr addr;
    _Atomic bool is_closed;
    void *states[RT_SERVICES_TRANSPORTS_MAX]; /* the plugins'; the worker's thread */
};

static struct {
    struct rt_services_config config;
    struct poster *posters; /* worker_count; NULL: not initialized */
    uint16_t count;
    const char *names[RT_SERVICES_TRANSPORTS_MAX];
    struct relay_host hosts[RT_SERVICES_TRANSPORTS_MAX];
} services;

static int find_slot(const char *transport)
{
    for (int i = 0; i < services.count; i++) {
        if (strcmp(services.names[i], transport) == 0)
            return i;
    }
    return -1;
}

/* -- post -- */

/* A post that never ran: its worker has ended. The function frees its argument. */
static void post_fini(struct rt_msg *m)
{
    struct post *post = RT_MSG_CAST(m, struct post, POST_KIND);

    if (post->fn)
        post->fn(NULL, post->arg);
}

static void on_post(struct rt_actor *self, struct rt_msg *m)
{
    struct poster *poster = RT_CONTAINER_OF(self, struct poster, actor);
    struct post *post = RT_MSG_CAST(m, struct post, POST_KIND);

    post->fn(poster->states[post->slot], post->arg);
    post->fn = NULL;
    rt_msg_free(&m);
}

static bool host_post(uint16_t index, const char *transport, void (*fn)(void *state, void *arg),
                      void *arg)
{
    int slot = find_slot(transport);
    struct poster *poster;
    struct post *post;

    RT_REQUIRE(slot >= 0 && index < services.config.worker_count);
    poster = &services.posters[index];
    if (atomic_load_explicit(&poster->is_closed, memory_order_acquire))
        return false;
    post = rt_msg_new(POST_KIND, sizeof *post);
    post->msg.fini = post_fini;
    post->slot = (uint16_t)slot;
    post->fn = fn;
    post->arg = arg;
    /* Through the inbox, whatever thread it comes from: the caller does not say which worker's. */
    rt_send_external(services.config.system, poster->addr, &post->msg);
    return true;
}

/* -- what is the same for every transport -- */

static uint64_t host_now_ns(struct relay_worker *w)
{
    return rt_now_ns(w);
}

static uint64_t host_wall_ns(struct relay_worker *w)
{
    return rt_wall_ns(w);
}

static void *host_loop(struct relay_worker *w)
{
    return rt_worker_loop(w);
}

static uint16_t host_worker_index(struct relay_worker *w)
{
    return rt_worker_index(w);
}

/* -- what carries the transport's name -- */

static void log_as(unsigned slot, enum relay_log_level level, const char *text)
{
    rt_log(level, text, "transport=%s", services.names[slot]);
}

static _Atomic uint64_t *counter_as(unsigned slot, const char *name)
{
    char full[96];

    snprintf(full, sizeof full, "%s_%s", services.names[slot], name);
    return rt_metric_named(full);
}

static const char *option_as(unsigned slot, const char *name)
{
    const struct rt_services_config *config = &services.config;

    return config->option ? config->option(config->ctx, services.names[slot], name) : NULL;
}

static int secret_as(unsigned slot, const char *name, void *out, size_t len)
{
    const struct rt_services_config *config = &services.config;

    return config->secret ? config->secret(config->ctx, services.names[slot], name, out, len) : -1;
}

/* X(slot): the functions of the table have no context, so each slot has its own. */
#define SLOTS(X) X(0) X(1) X(2) X(3)

#define X(slot)                                                                                    \
    static void log_##slot(enum relay_log_level level, const char *text)                           \
    {                                                                                              \
        log_as(slot, level, text);                                                                 \
    }                                                                                              \
    static _Atomic uint64_t *counter_##slot(const char *name)                                      \
    {                                                                                              \
        return counter_as(slot, name);                                                             \
    }                                                                                              \
    static const char *option_##slot(const char *name)                                             \
    {                                                                                              \
        return option_as(slot, name);                                                              \
    }                                                                                              \
    static int secret_##slot(const char *name, void *out, size_t len)                              \
    {                                                                                              \
        return secret_as(slot, name, out, len);                                                    \
    }
SLOTS(X)
#undef X

static const struct relay_host slot_hosts[] = {
#define X(slot)                                                                                    \
    {.log = log_##slot,                                                                            \
     .counter = counter_##slot,                                                                    \
     .option = option_##slot,                                                                      \
     .secret = secret_##slot},
    SLOTS(X)
#undef X
};

_Static_assert(sizeof slot_hosts / sizeof slot_hosts[0] == RT_SERVICES_TRANSPORTS_MAX,
               "a set of functions per slot");

/* -- life -- */

void rt_services_init(const struct rt_services_config *config)
{
    RT_REQUIRE(!services.posters);
    RT_REQUIRE(config->worker_count > 0 && config->worker_count <= rt_system_count(config->system));
    services.config = *config;
    services.posters = calloc(config->worker_count, sizeof *services.posters);
    RT_INSIST(services.posters != NULL);
    for (uint16_t i = 0; i < config->worker_count; i++) {
        struct poster *poster = &services.posters[i];

        rt_actor_start(&poster->actor, rt_system_worker(config->system, i), on_post);
        poster->addr = rt_actor_addr(&poster->actor);
    }
}

const struct relay_host *rt_services_add(const char *transport)
{
    struct relay_host *host;

    RT_REQUIRE(services.posters != NULL && find_slot(transport) < 0);
    if (services.count == RT_SERVICES_TRANSPORTS_MAX)
        return NULL;
    services.names[services.count] = transport;
    host = &services.hosts[services.count];
    *host = slot_hosts[services.count++];
    host->size = sizeof *host;
    host->abi_minor = RELAY_ABI_MINOR;
    host->worker_count = services.config.worker_count;
    host->events = services.config.events;
    host->now_ns = host_now_ns;
    host->wall_ns = host_wall_ns;
    host->random = rt_random;
    host->buf_new = rt_buf_new;
    host->loop = host_loop;
    host->worker_index = host_worker_index;
    host->timer_arm = rt_timer_arm;
    host->timer_disarm = rt_timer_disarm;
    host->post = host_post;
    return host;
}

void rt_services_set_state(const char *transport, uint16_t worker, void *state)
{
    int slot = find_slot(transport);

    RT_REQUIRE(slot >= 0 && worker < services.config.worker_count);
    services.posters[worker].states[slot] = state;
}

void rt_services_close_worker(uint16_t index)
{
    RT_REQUIRE(index < services.config.worker_count);
    atomic_store_explicit(&services.posters[index].is_closed, true, memory_order_release);
}

void rt_services_fini(void)
{
    if (!services.posters)
        return;
    for (uint16_t i = 0; i < services.config.worker_count; i++)
        rt_actor_stop(&services.posters[i].actor);
    free(services.posters);
    memset(&services, 0, sizeof services);
}
