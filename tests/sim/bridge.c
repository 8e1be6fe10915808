/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A relay dials an address on which a relay listens: two links, whose outer ends are joined. Each
 * end reads only while the other has room, so that a reader who pauses is felt by the sender.
 */
#include <stdlib.h>

#include "net_private.h"

#define AHEAD_MAX (256u * 1024u) /* bytes read from one side that the other has not taken */
#define POLL_NS (1 * RT_MS)

struct bridge;

struct side {
    struct bridge *bridge;
    struct sim_link *link; /* NULL: gone */
    struct side *other;
    bool is_dialled, has_fin, is_waiting;
};

struct bridge {
    struct sim_world *world;
    struct side dialled, accepted;
    uint32_t refs; /* living sides and events */
};

static void unref(struct bridge *b)
{
    if (--b->refs == 0)
        free(b);
}

static void on_poll(void *ctx, uint64_t arg)
{
    struct side *s = ctx;

    (void)arg;
    s->is_waiting = false;
    if (s->link && s->other->link && sim_link_unsent(s->other->link) > AHEAD_MAX) {
        s->is_waiting = true;
        sim_in(s->bridge->world, POLL_NS, on_poll, s, 0);
        return;
    }
    if (s->link)
        sim_link_read_rate(s->link, 0);
    unref(s->bridge);
}

static void on_data(void *user, const uint8_t *ptr, size_t len)
{
    struct side *s = user;

    if (!s->other->link || s->other->has_fin)
        return;
    sim_link_send(s->other->link, ptr, len);
    if (sim_link_unsent(s->other->link) <= AHEAD_MAX || s->is_waiting)
        return;
    s->is_waiting = true;
    s->bridge->refs++;
    sim_link_read_rate(s->link, SIM_NEVER);
    sim_in(s->bridge->world, POLL_NS, on_poll, s, 0);
}

static void on_eof(void *user)
{
    struct side *s = user;

    if (s->other->link && !s->other->has_fin) {
        s->other->has_fin = true;
        sim_link_fin(s->other->link);
    }
}

static void on_closed(void *user, enum sim_gone how)
{
    struct side *s = user, *other = s->other;
    struct sim_link *l = other->link;

    s->link = NULL;
    if (l && how == SIM_GONE_RESET) {
        other->link = NULL;
        sim_link_reset(l);
        unref(s->bridge);
    }
    unref(s->bridge);
}

/* The listener has admitted it: now the dialling side may open as well. */
static void on_opened(void *user)
{
    struct side *s = user;

    if (!s->is_dialled && s->other->link)
        sim_link_begin_secure(s->other->link);
}

static const struct sim_link_ops ops = {on_opened, on_data, on_eof, on_closed};

void sim_bridge(struct sim_link *dialled)
{
    struct bridge *b = sim_alloc(sizeof(*b));
    struct sim_path path;

    b->world = dialled->net->world;
    b->refs = 2;
    b->dialled =
        (struct side){.bridge = b, .link = dialled, .other = &b->accepted, .is_dialled = true};
    b->accepted = (struct side){.bridge = b, .other = &b->dialled};
    dialled->ops = &ops;
    dialled->user = &b->dialled;
    if (dialled->to.ss_family == AF_INET6 && dialled->from.ss_family != AF_INET6)
        sim_addr6(&dialled->from, UINT64_C(0x20010db800000000), 1, 40001);
    sim_path_good(&path);
    path.split_max = 16384;
    b->accepted.link =
        sim_connect(dialled->net, (const struct sockaddr *)&dialled->from,
                    (const struct sockaddr *)&dialled->to, &path, &ops, &b->accepted);
}
