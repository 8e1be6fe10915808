/* SPDX-License-Identifier: MPL-2.0 */
#include "loop.h"

static void on_prepare(uv_prepare_t *h)
{
    struct plugin_loop *l = h->data;

    if (l->is_idling && !l->ops->run(l)) {
        uv_idle_stop(&l->idle);
        l->is_idling = false;
    }
    plugin_counters_publish(l->counters);
}

static void on_idle(uv_idle_t *h)
{
    (void)h; /* an active idle handle makes the loop poll without sleeping */
}

void plugin_loop_init(struct plugin_loop *l, uv_loop_t *uv, const struct plugin_loop_ops *ops,
                      struct plugin_counters *counters)
{
    l->uv = uv;
    l->ops = ops;
    l->counters = counters;
    l->is_idling = false;
    uv_prepare_init(uv, &l->prepare);
    uv_idle_init(uv, &l->idle);
    l->prepare.data = l->idle.data = l;
    l->open_handles = 2;
    uv_prepare_start(&l->prepare, on_prepare);
    uv_unref((uv_handle_t *)&l->prepare);
}

void plugin_loop_kick(struct plugin_loop *l)
{
    if (l->is_idling)
        return;
    l->is_idling = true;
    uv_idle_start(&l->idle, on_idle);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct plugin_loop *l = h->data;

    if (--l->open_handles == 0)
        l->ops->closed(l);
}

void plugin_loop_close(struct plugin_loop *l)
{
    uv_close((uv_handle_t *)&l->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&l->idle, on_handle_closed);
}
