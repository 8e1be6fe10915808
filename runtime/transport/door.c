/* SPDX-License-Identifier: MPL-2.0 */
#include "transport/door.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_limits.h"
#include "base/check.h"
#include "base/ip.h"
#include "transport/transport_metrics.h"

struct rt_door {
    struct rt_door_limits limits;
    uint32_t half_open_per_worker;
    _Atomic uint32_t connections;
    struct rt_count_sketch by_prefix;
};

rt_err rt_door_new(const struct rt_door_limits *limits, uint16_t workers,
                   const uint8_t hash_key[16], struct rt_door **out)
{
    struct rt_door *d = calloc(1, sizeof(*d));
    rt_err err;

    RT_REQUIRE(workers > 0);
    RT_INSIST(d != NULL);
    d->limits = *limits;
    d->half_open_per_worker = (limits->half_open_max + workers - 1) / workers;
    err = rt_count_sketch_init(&d->by_prefix, LIM_SKETCH_WIDTH, hash_key);
    if (err != RT_ERR_OK) {
        free(d);
        return err;
    }
    *out = d;
    return RT_ERR_OK;
}

void rt_door_free(struct rt_door **d)
{
    if (*d) {
        rt_count_sketch_fini(&(*d)->by_prefix);
        free(*d);
        *d = NULL;
    }
}

static void prefix_v4(const uint8_t addr[4], struct rt_prefix *out)
{
    out->bytes[0] = 4;
    memcpy(out->bytes + 1, addr, 4);
    out->is_loopback = addr[0] == 127;
}

void rt_prefix_of(const struct sockaddr *addr, struct rt_prefix *out)
{
    uint8_t inner[4];

    memset(out, 0, sizeof(*out));
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)addr;

        prefix_v4((const uint8_t *)&v4->sin_addr, out);
    } else if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)addr;

        if (rt_ip6_inner_v4(v6->sin6_addr.s6_addr, inner)) {
            prefix_v4(inner, out);
            out->is_loopback &= IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        } else {
            out->bytes[0] = 6;
            memcpy(out->bytes + 1, v6->sin6_addr.s6_addr, 7);
            out->is_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
        }
    }
}

bool rt_door_enter(struct rt_door *d, const struct rt_prefix *p)
{
    uint32_t now = atomic_fetch_add_explicit(&d->connections, 1, memory_order_relaxed);

    if (now >= d->limits.connections_max) {
        atomic_fetch_sub_explicit(&d->connections, 1, memory_order_relaxed);
        rt_metric_inc(RT_METRIC_REFUSED_TOTAL);
        return false;
    }
    if (!p->is_loopback && !rt_count_sketch_take(&d->by_prefix, p->bytes, sizeof(p->bytes),
                                                 d->limits.per_prefix_max)) {
        atomic_fetch_sub_explicit(&d->connections, 1, memory_order_relaxed);
        rt_metric_inc(RT_METRIC_REFUSED_PREFIX);
        return false;
    }
    rt_metric_inc(RT_METRIC_ADMITTED);
    rt_metric_inc(RT_METRIC_CONNECTIONS);
    return true;
}

void rt_door_leave(struct rt_door *d, const struct rt_prefix *p)
{
    if (!p->is_loopback)
        rt_count_sketch_give(&d->by_prefix, p->bytes, sizeof(p->bytes));
    atomic_fetch_sub_explicit(&d->connections, 1, memory_order_relaxed);
    rt_metric_sub(RT_METRIC_CONNECTIONS, 1);
}

uint32_t rt_door_half_open_max(const struct rt_door *d)
{
    return d->half_open_per_worker;
}
