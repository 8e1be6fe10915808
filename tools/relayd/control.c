/* SPDX-License-Identifier: MPL-2.0 */
#include "control.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/actor.h"
#include "base/check.h"
#include "base/log.h"
#include "host/loop_uv.h"
#include "host/os_seams.h"
#include "host/signals.h"
#include "relay/relay.h"
#include "report.h"
#include "session/session_limits.h"

/* Every phase of the stop has a deadline within this time. Past it a thread is stuck. */
#define GUARD_NS (LIM_SHUTDOWN_NS + 20 * RT_S)

struct control {
    struct relay *relay;
    struct rt_system *system; /* of one worker, for the loop and the guard */
    struct rt_loop *loop;
    struct rt_signals *signals;
    struct relay_timer guard;
    bool is_stopping;
};

static struct rt_worker *worker_of(const struct control *c)
{
    return rt_system_worker(c->system, 0);
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

/* On worker 0 of the relay. */
static void on_stopped(void *ctx)
{
    rt_loop_stop(((struct control *)ctx)->loop);
}

static void on_signal(void *ctx, int signum)
{
    struct control *c = ctx;
    struct rt_worker *w = worker_of(c);

    if (signum == SIGUSR1) {
        report_counters();
        return;
    }
    if (c->is_stopping)
        end_now("scp2p-relay: second signal, ending at once\n", 128 + signum);
    rt_log(RELAY_LOG_INFO, "shutting down", "signal=%s", signum == SIGINT ? "SIGINT" : "SIGTERM");
    c->is_stopping = true;
    rt_timer_arm(w, &c->guard, rt_now_ns(w) + GUARD_NS);
    relay_stop(c->relay, on_stopped, c);
}

/* -- life -- */

rt_err control_new(struct relay *r, struct control **out)
{
    struct control *c = calloc(1, sizeof(*c));
    rt_err e;

    RT_INSIST(c);
    c->relay = r;
    c->system = rt_system_new(1, rt_os_seams());
    c->guard.fire = on_guard;
    e = rt_loop_new(worker_of(c), &c->loop);
    if (!e)
        e = rt_signals_start(rt_worker_loop(worker_of(c)), on_signal, c, &c->signals);
    if (e)
        control_free(&c);
    else
        *out = c;
    return e;
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
    rt_timer_disarm(worker_of(old), &old->guard);
    rt_system_free(&old->system);
    free(old);
}
