/* SPDX-License-Identifier: MPL-2.0 */
#include "part_world.h"

#include "actor/worker.h"

struct part_world world;
static uint64_t rng;

static uint64_t mono(void *ctx)
{
    (void)ctx;
    return world.now_ns;
}

static uint64_t wall(void *ctx)
{
    (void)ctx;
    return world.now_ns + NOW_S * RT_S;
}

static void draw(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)(test_random(&rng) >> 13);
}

void world_begin(void)
{
    static const struct rt_seams seams = {mono, wall, draw, NULL};

    memset(&world, 0, sizeof(world));
    rng = 20261203;
    world.now_ns = 5 * RT_S;
    world.system = rt_system_new(1, &seams);
    world.worker = rt_system_worker(world.system, 0);
}

void world_end(void)
{
    while (world.request_count > 0)
        rt_msg_free(&world.requests[--world.request_count]);
    rt_system_free(&world.system);
    assert_int_equal(rt_buf_live(), 0);
}

void world_run(uint64_t for_ns)
{
    uint64_t until_ns = world.now_ns + for_ns, next_ns;

    for (;;) {
        rt_worker_refresh_clock(world.worker);
        while (rt_worker_turn(world.worker))
            ;
        next_ns = rt_worker_next_timer(world.worker);
        if (world.now_ns >= until_ns)
            return;
        if (next_ns > world.now_ns)
            world.now_ns = next_ns < until_ns ? next_ns : until_ns;
    }
}

void world_request(void *ctx, struct rt_msg *m)
{
    (void)ctx;
    assert_in_range(world.request_count, 0, WORLD_REQUESTS_MAX - 1);
    world.requests[world.request_count++] = m;
}

struct rt_msg *world_take(uint16_t kind)
{
    struct rt_msg *m = world.requests[0];

    assert_true(world.request_count > 0);
    assert_int_equal(m->kind, kind);
    world.request_count--;
    memmove(&world.requests[0], &world.requests[1], world.request_count * sizeof(struct rt_msg *));
    return m;
}
