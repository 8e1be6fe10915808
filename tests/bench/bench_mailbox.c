/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Messages per second through rt_send. Three ways, each bounded by its count:
 *
 *   circulate  `window` messages go to and fro between two actors on two workers, each a thread;
 *              every delivery counts. So go a request and its answer: one block, turned around.
 *   oneway     one worker allocates and sends, the other frees; one credit message per batch.
 *   local      as circulate, both actors on one worker.
 *
 * Usage: bench_mailbox [messages [window]]. Prints key=value, one a line.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "host/loop_uv.h"
#include "host/os_seams.h"

#define KIND_BALL RT_NOTIFY_KIND(TEST, 1)
#define KIND_CREDIT RT_NOTIFY_KIND(TEST, 2)
#define BATCH 256u
#define BATCHES_AHEAD 8u

struct player {
    struct rt_actor actor;
    struct rt_addr peer;
    uint64_t seen, sent, goal;
    _Alignas(128) _Atomic bool is_done;
};

static uint64_t now_ns(void)
{
    return rt_os_seams()->mono_ns(NULL);
}

static void return_ball(struct rt_actor *self, struct rt_msg *m)
{
    struct rt_addr thrower = m->reply_to;

    m->reply_to = m->to;
    rt_send(self->worker, thrower, m);
}

static void on_return(struct rt_actor *self, struct rt_msg *m)
{
    return_ball(self, m);
}

static void on_ball(struct rt_actor *self, struct rt_msg *m)
{
    struct player *p = RT_CONTAINER_OF(self, struct player, actor);

    if (++p->seen >= p->goal) {
        if (p->seen == p->goal)
            atomic_store_explicit(&p->is_done, true, memory_order_release);
        rt_msg_free(&m);
        return;
    }
    return_ball(self, m);
}

static void send_batch(struct player *p)
{
    for (uint32_t i = 0; i < BATCH && p->sent < p->goal; i++, p->sent++) {
        struct rt_msg *m = rt_msg_new(KIND_BALL, sizeof *m);

        m->reply_to = rt_actor_addr(&p->actor);
        rt_send(p->actor.worker, p->peer, m);
    }
}

static void on_credit(struct rt_actor *self, struct rt_msg *m)
{
    rt_msg_free(&m);
    send_batch(RT_CONTAINER_OF(self, struct player, actor));
}

static void on_one_way(struct rt_actor *self, struct rt_msg *m)
{
    struct player *p = RT_CONTAINER_OF(self, struct player, actor);
    struct rt_addr sender = m->reply_to;

    rt_msg_free(&m);
    if (++p->seen % BATCH == 0)
        rt_send(self->worker, sender, rt_msg_new(KIND_CREDIT, sizeof(struct rt_msg)));
    if (p->seen == p->goal)
        atomic_store_explicit(&p->is_done, true, memory_order_release);
}

/* Runs until the second player is done; returns the time it took. */
static uint64_t play(uint16_t workers, uint64_t goal, uint64_t window, bool is_one_way)
{
    struct rt_system *sys = rt_system_new(workers, rt_os_seams());
    static struct player a, b;
    struct rt_loop *loops[2] = {0};
    uint64_t start;

    a = (struct player){.goal = is_one_way ? goal : goal / 2};
    b = (struct player){.goal = a.goal};
    rt_actor_start(&a.actor, rt_system_worker(sys, 0), is_one_way ? on_credit : on_return);
    rt_actor_start(&b.actor, rt_system_worker(sys, workers - 1), is_one_way ? on_one_way : on_ball);
    a.peer = rt_actor_addr(&b.actor);
    for (uint16_t i = 0; i < workers; i++)
        RT_INSIST(rt_loop_new(rt_system_worker(sys, i), &loops[i]) == RT_ERR_OK);
    for (uint64_t i = 0; is_one_way ? i < BATCHES_AHEAD : i < window; i++) {
        struct rt_msg *m = rt_msg_new(is_one_way ? KIND_CREDIT : KIND_BALL, sizeof *m);

        m->reply_to = rt_actor_addr(&b.actor);
        rt_send_external(sys, rt_actor_addr(&a.actor), m);
    }
    start = now_ns();
    for (uint16_t i = 0; i < workers; i++)
        RT_INSIST(rt_loop_start(loops[i], "bench") == RT_ERR_OK);
    while (!atomic_load_explicit(&b.is_done, memory_order_acquire)) {
        struct timespec nap = {.tv_nsec = 200000};

        nanosleep(&nap, NULL);
    }
    start = now_ns() - start;
    for (uint16_t i = 0; i < workers; i++)
        rt_loop_stop(loops[i]);
    for (uint16_t i = 0; i < workers; i++)
        rt_loop_join(loops[i]);
    for (uint16_t i = 0; i < workers; i++)
        rt_loop_free(&loops[i]);
    rt_system_free(&sys);
    return start;
}

static void report(const char *name, uint64_t messages, uint64_t ns)
{
    printf("%s_messages=%" PRIu64 "\n%s_ns_per_message=%.1f\n%s_messages_per_s=%.0f\n", name,
           messages, name, (double)ns / (double)messages, name,
           (double)messages * 1e9 / (double)ns);
}

int main(int argc, char **argv)
{
    uint64_t messages = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    uint64_t window = argc > 2 ? strtoull(argv[2], NULL, 10) : 2048;

    if (messages < 2 || window < 1 || sodium_init() < 0)
        return 2;
    printf("window=%" PRIu64 "\n", window);
    report("circulate", messages, play(2, messages, window, false));
    report("oneway", messages, play(2, messages, window, true));
    report("local", messages, play(1, messages, window, false));
    return 0;
}
