/* SPDX-License-Identifier: MPL-2.0 */
#include "host/signals.h"

#include <signal.h>
#include <stdlib.h>

#include "base/check.h"

static const int watched[] = {SIGINT, SIGTERM, SIGUSR1};
#define WATCHED (sizeof watched / sizeof watched[0])

struct rt_signals {
    uv_signal_t handles[WATCHED];
    unsigned open; /* handles not closed yet; the last frees this */
    void (*on_signal)(void *ctx, int signum);
    void *ctx;
};

static void on_uv_signal(uv_signal_t *handle, int signum)
{
    struct rt_signals *s = handle->data;

    s->on_signal(s->ctx, signum);
}

static void on_closed(uv_handle_t *handle)
{
    struct rt_signals *s = handle->data;

    if (--s->open == 0)
        free(s);
}

rt_err rt_signals_start(uv_loop_t *loop, void (*on_signal)(void *ctx, int signum), void *ctx,
                        struct rt_signals **out)
{
    struct rt_signals *s = calloc(1, sizeof *s);
    rt_err err = RT_ERR_OK;

    RT_INSIST(s != NULL);
    s->on_signal = on_signal;
    s->ctx = ctx;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < WATCHED; i++) {
        if (uv_signal_init(loop, &s->handles[i]) != 0) {
            err = RT_ERR_SYSTEM;
            break;
        }
        s->handles[i].data = s;
        s->open++;
        if (uv_signal_start(&s->handles[i], on_uv_signal, watched[i]) != 0)
            err = RT_ERR_SYSTEM;
    }
    if (err != RT_ERR_OK) {
        if (s->open > 0)
            rt_signals_stop(&s);
        else
            free(s);
        return err;
    }
    *out = s;
    return RT_ERR_OK;
}

void rt_signals_stop(struct rt_signals **s)
{
    struct rt_signals *old = *s;

    *s = NULL;
    if (!old)
        return;
    for (size_t i = 0, open = old->open; i < open; i++)
        uv_close((uv_handle_t *)&old->handles[i], on_closed);
}
