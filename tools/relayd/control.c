/* SPDX-License-Identifier: MPL-2.0 */
#include "control.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "announcer/announcer_msg.h"
#include "base/check.h"
#include "base/log.h"
#include "compose.h"
#include "dht/dht_msg.h"
#include "host/signals.h"
#include "report.h"
#include "session/session_limits.h"
#include "tunnel/tunnel_msg.h"

/* All phases have their own deadlines within this; past it a thread must be stuck. */
#define GUARD_NS (LIM_SHUTDOWN_NS + 20 * RT_S)

enum phase { RUNNING, DRAINING, CLOSING, FLUSHING, ENDED };

struct control {
    struct rt_actor actor;
    struct relay *relay;
    struct rt_loop *loop;
    struct rt_signals *signals;
    struct relay_timer guard;
    enum phase phase;
    uint16_t awaited; /* answers this phase still waits for */
};

static struct rt_worker *control_worker(const struct relay *r)
{
    return rt_system_worker(r->system, (uint16_t)(r->workers + 1));
}

/* -- phases -- */

static void ask(struct control *c, struct rt_addr to, struct rt_msg *m)
{
    m->reply_to = rt_actor_addr(&c->actor);
    c->awaited++;
    rt_send(c->actor.worker, to, m);
}

static void ask_sessions(struct control *c, enum session_kind kind)
{
    struct relay *r = c->relay;

    for (uint16_t i = 0; i < r->workers; i++)
        ask(c, session_control_addr(r->nodes[i].worker), rt_msg_new(kind, sizeof(struct rt_msg)));
}

static void refuse_newcomers(struct control *c)
{
    struct relay *r = c->relay;
    struct rt_msg *m = rt_msg_new(SLOTS_SHUTDOWN, sizeof(*m));

    transports_unlisten(r);
    rt_send(c->actor.worker, tunnel_slots_addr(r->nodes[0].worker), m);
}

static void next_phase(struct control *c)
{
    switch (++c->phase) {
    case DRAINING:
        refuse_newcomers(c);
        ask(c, announcer_addr(c->relay->nodes[0].worker),
            rt_msg_new(ANNOUNCER_SHUTDOWN, sizeof(struct rt_msg)));
        ask_sessions(c, SESSION_DRAIN);
        break;
    case CLOSING:
        rt_log(RELAY_LOG_INFO, "requests are done, closing connections", NULL);
        ask(c, dht_addr(c->relay->nodes[0].worker), rt_msg_new(DHT_STOP, sizeof(struct rt_msg)));
        ask_sessions(c, SESSION_CLOSE_ALL);
        break;
    case FLUSHING:
        ask(c, c->relay->storage_addr, &storage_flush_new()->msg);
        break;
    default:
        RT_INSIST(c->phase == ENDED);
        rt_timer_disarm(c->actor.worker, &c->guard);
        rt_loop_stop(c->loop);
    }
}

/* Answers, and requests that came back: either way nobody is waited for any more. */
static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct control *c = RT_CONTAINER_OF(self, struct control, actor);

    rt_msg_free(&m);
    RT_INSIST(c->awaited > 0);
    if (--c->awaited == 0)
        next_phase(c);
}

/* -- ending at once -- */

_Noreturn static void end_now(const char *text, int code)
{
    /* The log's writer may be what hangs. */
    (void)!write(STDERR_FILENO, text, strlen(text));
    _exit(code);
}

static void on_guard(struct relay_timer *t)
{
    (void)t;
    end_now("scp2p-relay: the shutdown is stuck, ending at once\n", EXIT_FAILURE);
}

static void on_signal(void *ctx, int signum)
{
    struct control *c = ctx;

    if (signum == SIGUSR1) {
        report_counters();
        return;
    }
    if (c->phase != RUNNING)
        end_now("scp2p-relay: second signal, ending at once\n", 128 + signum);
    rt_log(RELAY_LOG_INFO, "shutting down", "signal=%s", signum == SIGINT ? "SIGINT" : "SIGTERM");
    rt_timer_arm(c->actor.worker, &c->guard, rt_now_ns(c->actor.worker) + GUARD_NS);
    next_phase(c);
}

/* -- life -- */

rt_err control_new(struct relay *r, struct control **out)
{
    struct control *c = calloc(1, sizeof(*c));
    struct rt_worker *w = control_worker(r);
    rt_err e;

    RT_INSIST(c);
    c->relay = r;
    c->guard.fire = on_guard;
    e = rt_loop_new(w, &c->loop);
    if (!e)
        e = rt_signals_start(rt_worker_loop(w), on_signal, c, &c->signals);
    if (e) {
        rt_loop_free(&c->loop);
        free(c);
        return e;
    }
    rt_actor_start(&c->actor, w, on_msg);
    *out = c;
    return RT_ERR_OK;
}

rt_err control_start(struct control *c)
{
    return rt_loop_start(c->loop, "control");
}

void control_wait(struct control *c)
{
    rt_loop_join(c->loop);
}

void control_free(struct control **c)
{
    struct control *old = *c;

    *c = NULL;
    if (!old)
        return;
    rt_signals_stop(&old->signals);
    rt_loop_free(&old->loop);
    rt_timer_disarm(old->actor.worker, &old->guard);
    rt_actor_stop(&old->actor);
    free(old);
}
