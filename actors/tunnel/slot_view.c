/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "crypto/secret.h"
#include "tunnel/tunnel_private.h"

struct rt_local_key tunnel_local_key;

/* One slot as a worker knows it: at least one link, the one to use first. */
struct view_slot {
    struct rt_map_node node;
    uint64_t version;
    uint32_t count;
    struct rt_addr links[];
};

static struct view_slot *view_find(const struct tunnel_worker *tw, uint64_t slot_id)
{
    struct rt_map_node *n = rt_map_find(&tw->slots, slot_id);

    return n ? RT_CONTAINER_OF(n, struct view_slot, node) : NULL;
}

static void view_drop(struct tunnel_worker *tw, struct view_slot *s)
{
    if (!s)
        return;
    rt_map_remove(&tw->slots, &s->node);
    free(s);
}

static void view_update(struct tunnel_worker *tw, const struct slots_update *u)
{
    struct view_slot *s = view_find(tw, u->slot_id);
    size_t size = u->count * sizeof(struct rt_addr);

    RT_REQUIRE(u->count <= LIM_LINKS_PER_SLOT);
    if (s && s->version >= u->version)
        return;
    if (u->count == 0 || (s && s->count != u->count)) {
        view_drop(tw, s);
        s = NULL;
    }
    if (u->count == 0)
        return;
    if (!s) {
        s = malloc(sizeof(*s) + size);
        RT_INSIST(s != NULL);
        rt_map_put(&tw->slots, &s->node, u->slot_id);
    }
    s->version = u->version;
    s->count = u->count;
    memcpy(s->links, u->links, size);
}

static void view_on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct tunnel_worker *tw = RT_CONTAINER_OF(self, struct tunnel_worker, view);

    if (m->kind == SLOTS_UPDATE)
        view_update(tw, RT_MSG_CAST(m, struct slots_update, SLOTS_UPDATE));
    rt_msg_free(&m);
}

uint32_t slot_view_links(const struct rt_worker *w, uint64_t slot_id,
                         struct rt_addr out_links[LIM_LINKS_PER_SLOT])
{
    const struct view_slot *s = view_find(tunnel_worker_of(w), slot_id);

    if (!s)
        return 0;
    memcpy(out_links, s->links, s->count * sizeof(struct rt_addr));
    return s->count;
}

struct rt_addr slot_view_other(const struct rt_worker *w, uint64_t slot_id, struct rt_addr self)
{
    const struct view_slot *s = view_find(tunnel_worker_of(w), slot_id);

    for (uint32_t i = 0; s && i < s->count; i++)
        if (!rt_addr_equal(s->links[i], self))
            return s->links[i];
    return (struct rt_addr){0};
}

struct rt_addr tunnel_slot_lookup(const struct rt_worker *w, uint64_t slot_id)
{
    return slot_view_other(w, slot_id, (struct rt_addr){0});
}

struct rt_addr tunnel_slots_addr(const struct rt_worker *w)
{
    return tunnel_worker_of(w)->authority_addr;
}

void tunnel_worker_init(struct rt_worker *w, const struct tunnel_config *config)
{
    struct tunnel_worker *first = tunnel_worker_of(rt_system_worker(rt_worker_system(w), 0));
    struct tunnel_worker *tw = rt_secret_new(sizeof(*tw));

    RT_REQUIRE((first == NULL) == (rt_worker_index(w) == 0));
    tw->worker = w;
    memcpy(tw->slot_secret, config->slot_secret, sizeof(tw->slot_secret));
    rt_actor_start(&tw->view, w, view_on_msg);
    rt_worker_set_local(w, &tunnel_local_key, tw);
    if (!first) {
        first = tw;
        tw->authority = slots_new(w, config);
    }
    tw->authority_addr = slots_addr(first->authority);
    slots_add_view(first->authority, rt_actor_addr(&tw->view));
}

static void view_release(void *ctx, struct rt_map_node *n)
{
    (void)ctx;
    free(RT_CONTAINER_OF(n, struct view_slot, node));
}

void tunnel_worker_fini(struct rt_worker *w)
{
    struct tunnel_worker *tw = tunnel_worker_of(w);

    if (!tw)
        return;
    RT_REQUIRE(tw->link_count == 0);
    slots_free(&tw->authority);
    rt_actor_stop(&tw->view);
    rt_map_fini(&tw->slots, view_release, NULL);
    rt_worker_set_local(w, &tunnel_local_key, NULL);
    rt_secret_free(tw);
}
