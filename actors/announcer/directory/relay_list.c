/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Each relay is in by_key, by_due, by_lookup and arrays[ARRAY_ALL], and in the array of each form
 * that it has; it has one form at least. by_due begins with the checks that continue or are
 * repeated; the others follow in the order of due_ns. While the first is not due, no check is.
 */
#include "announcer/directory/relay_list.h"

#include <stdlib.h>
#include <string.h>

#include "announcer/announcer_limits.h"
#include "announcer/directory/announcement.h"
#include "base/check.h"
#include "base/list.h"
#include "dht/address/addr.h"
#include "base/map.h"

#define DRAWN 16u            /* entries drawn to find one to evict */
#define RETRY_NS (60 * RT_S) /* after a check without a reply */
#define DIAL_LIFETIME_MIN_S 120u

/* Arrays of relays: one for each form, and one of all. */
#define ARRAY_ALL ANNOUNCEMENT_FORMS
#define ARRAYS (ANNOUNCEMENT_FORMS + 1)

struct relay {
    struct rt_map_node by_key;
    struct rt_list by_due;    /* earliest next check first */
    struct rt_list by_lookup; /* earliest next revocation look-up first */
    uint32_t place[ARRAYS];   /* index in each array that contains the relay */
    uint8_t key[32];
    struct announcement_forms forms;
    uint64_t net;
    uint64_t due_ns; /* next check */
    uint64_t lookup_ns;
    uint32_t failures;
    uint8_t dialects;  /* spoken: claimed, and not mute */
    uint8_t claimed;   /* by all replies of the last check */
    uint8_t mute;      /* the last request in these dialects had no reply */
    uint8_t unchecked; /* in the current check */
    bool has_replied;  /* in the last check */
    struct wire_peer_hop reached;
};

struct relay_array {
    struct relay **at; /* count entries, in no order */
    uint32_t count, room;
};

struct relay_list {
    struct rt_map by_key;
    struct rt_list by_due, by_lookup;
    struct relay_array arrays[ARRAYS]; /* of a form: up to LIM_RELAYS_MAX */
    uint64_t evicted, lost;
    uint8_t hash_key[16];
    uint64_t (*random)(void *ctx);
    void *random_ctx;
};

/* -- entries -- */

static struct relay *find(const struct relay_list *l, const uint8_t key[32])
{
    struct rt_map_node *n = rt_map_find(&l->by_key, rt_siphash(l->hash_key, key, 32));

    while (n && memcmp(RT_CONTAINER_OF(n, struct relay, by_key)->key, key, 32) != 0)
        n = rt_map_find_next(n);
    return n ? RT_CONTAINER_OF(n, struct relay, by_key) : NULL;
}

static void enter(struct relay_list *l, uint32_t which, struct relay *r)
{
    struct relay_array *array = &l->arrays[which];

    if (array->count == array->room) {
        array->room = array->room ? 2 * array->room : 16;
        array->at = realloc((void *)array->at, array->room * sizeof(struct relay *));
    }
    RT_INSIST(array->at != NULL);
    RT_INSIST(which == ARRAY_ALL || array->count < LIM_RELAYS_MAX);
    r->place[which] = array->count;
    array->at[array->count++] = r;
}

static void leave(struct relay_list *l, uint32_t which, struct relay *r)
{
    struct relay_array *array = &l->arrays[which];
    struct relay *last = array->at[--array->count];

    RT_INSIST(array->at[r->place[which]] == r);
    array->at[r->place[which]] = last;
    last->place[which] = r->place[which];
}

static void drop(struct relay_list *l, struct relay *r)
{
    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        if (forms_has(&r->forms, form))
            leave(l, form, r);
    leave(l, ARRAY_ALL, r);
    rt_map_remove(&l->by_key, &r->by_key);
    rt_list_unlink(&r->by_due);
    rt_list_unlink(&r->by_lookup);
    forms_drop(&r->forms);
    free(r);
}

/* A relay without any form is dropped. */
static void drop_form(struct relay_list *l, struct relay *r, enum announcement_form form)
{
    leave(l, form, r);
    forms_drop_one(&r->forms, form);
    if (forms_is_empty(&r->forms))
        drop(l, r);
}

static struct relay *add(struct relay_list *l, const uint8_t key[32], uint64_t now_ns)
{
    struct relay *r = calloc(1, sizeof(*r));

    RT_INSIST(r != NULL);
    memcpy(r->key, key, 32);
    rt_list_init(&r->by_due);
    rt_list_init(&r->by_lookup);
    rt_map_put(&l->by_key, &r->by_key, rt_siphash(l->hash_key, key, 32));
    enter(l, ARRAY_ALL, r);
    r->lookup_ns = now_ns + LIM_REVOCATION_CHECK_NS;
    rt_list_push_back(&l->by_lookup, &r->by_lookup);
    return r;
}

static uint32_t draw(struct relay_list *l, uint32_t below)
{
    return (uint32_t)(l->random(l->random_ctx) % below);
}

/* Makes room in the form for a newcomer from that network. */
static void make_room(struct relay_list *l, enum announcement_form form, uint64_t net,
                      uint64_t now_s)
{
    const struct relay_array *array = &l->arrays[form];
    struct relay *drawn[DRAWN], *victim = NULL;
    uint32_t most = 0;

    for (uint32_t i = 0; i < DRAWN; i++) {
        drawn[i] = array->at[draw(l, array->count)];
        if (drawn[i]->forms.at[form].expires_at <= now_s) {
            drop_form(l, drawn[i], form);
            return;
        }
    }
    for (uint32_t i = 0; i < DRAWN; i++) {
        uint32_t of_net = drawn[i]->net == net;

        for (uint32_t k = 0; k < DRAWN; k++)
            of_net += drawn[k]->net == drawn[i]->net && drawn[k] != drawn[i];
        if (!victim || of_net > most || (of_net == most && drawn[i]->due_ns < victim->due_ns)) {
            victim = drawn[i];
            most = of_net;
        }
    }
    drop_form(l, victim, form);
    l->evicted++;
}

static void end_check(struct relay_list *l, struct relay *r, uint64_t now_ns)
{
    r->due_ns = now_ns + LIM_RELAY_CHECK_NS;
    rt_list_unlink(&r->by_due);
    rt_list_push_back(&l->by_due, &r->by_due);
}

static void check_next(struct relay_list *l, struct relay *r, uint64_t due_ns)
{
    r->due_ns = due_ns;
    rt_list_unlink(&r->by_due);
    rt_list_push_front(&l->by_due, &r->by_due);
}

/* -- announcements -- */

static uint64_t addrs_hash(const struct relay_list *l, const struct wire_announcement *a)
{
    return announcement_addrs_hash(l->hash_key, a);
}

static void take(struct relay_list *l, struct relay *r, const struct wire_announcement *a,
                 struct relay_slice bytes, uint64_t now_s)
{
    enum announcement_form form = announcement_form(a);
    bool held[ANNOUNCEMENT_FORMS];

    for (enum announcement_form f = 0; f < ANNOUNCEMENT_FORMS; f++)
        held[f] = forms_has(&r->forms, f);
    if (!held[form]) {
        if (l->arrays[form].count == LIM_RELAYS_MAX)
            make_room(l, form, r->net, now_s);
        enter(l, form, r);
        held[form] = true;
    }
    forms_put(&r->forms, a, addrs_hash(l, a), bytes);
    for (enum announcement_form f = 0; f < ANNOUNCEMENT_FORMS; f++)
        if (held[f] && !forms_has(&r->forms, f))
            leave(l, f, r);
}

enum relay_verdict relay_list_judge(const struct relay_list *l, const struct wire_announcement *a,
                                    uint64_t now_s)
{
    const struct relay *r;

    if (!announcement_is_sound(a, now_s))
        return RELAY_IGNORE;
    r = find(l, a->relay_pubkey);
    if (r) {
        switch (forms_judge(&r->forms, a, addrs_hash(l, a))) {
        case FORMS_OLD:
            return RELAY_IGNORE;
        case FORMS_NEWER:
            return RELAY_RENEW;
        case FORMS_MOVED:
            break;
        }
    }
    return a->expires_at - now_s >= DIAL_LIFETIME_MIN_S ? RELAY_DIAL : RELAY_IGNORE;
}

void relay_list_put(struct relay_list *l, const struct wire_announcement *a,
                    struct relay_slice bytes, const struct wire_peer_hop *at, uint8_t dialects,
                    uint64_t now_ns, uint64_t now_s)
{
    struct relay *r = find(l, a->relay_pubkey);

    RT_REQUIRE(dialects != 0);
    if (!r)
        r = add(l, a->relay_pubkey, now_ns);
    r->net = dht_hop_net(at, DHT_NET_BUCKET);
    take(l, r, a, bytes, now_s);
    r->reached = *at;
    r->reached.has_pubkey_hint = true;
    memcpy(r->reached.pubkey_hint, r->key, 32);
    r->dialects = r->claimed = dialects;
    r->mute = r->unchecked = 0;
    r->has_replied = false;
    r->failures = 0;
    end_check(l, r, now_ns);
}

void relay_list_renew(struct relay_list *l, const struct wire_announcement *a,
                      struct relay_slice bytes, uint64_t now_s)
{
    struct relay *r = find(l, a->relay_pubkey);

    if (r && forms_judge(&r->forms, a, addrs_hash(l, a)) == FORMS_NEWER)
        take(l, r, a, bytes, now_s);
    else
        relay_slice_drop(&bytes);
}

bool relay_list_drop(struct relay_list *l, const uint8_t key[32])
{
    struct relay *r = find(l, key);

    if (r)
        drop(l, r);
    return r != NULL;
}

/* -- checks -- */

static struct relay *first_due(const struct relay_list *l)
{
    const struct rt_list *n = l->by_due.next;

    return n == &l->by_due ? NULL : RT_CONTAINER_OF(n, struct relay, by_due);
}

enum wire_dialect relay_list_dialect(uint8_t dialects)
{
    enum wire_dialect d = WIRE_DIALECT_C;

    while (d > WIRE_DIALECT_A && !(dialects & WIRE_DIALECT_BIT(d)))
        d--;
    return d;
}

bool relay_list_next_check(struct relay_list *l, uint64_t now_ns, struct wire_peer_hop *out,
                           enum wire_dialect *out_dialect)
{
    struct relay *r = first_due(l);

    if (!r || r->due_ns > now_ns)
        return false;
    if (r->unchecked == 0) {
        r->unchecked = r->dialects ? r->dialects : r->claimed;
        r->has_replied = false;
    }
    *out = r->reached;
    *out_dialect = relay_list_dialect(r->unchecked);
    r->unchecked &= (uint8_t)~WIRE_DIALECT_BIT(*out_dialect);
    end_check(l, r, now_ns);
    return true;
}

uint64_t relay_list_next_check_ns(const struct relay_list *l)
{
    const struct relay *r = first_due(l);

    return r ? r->due_ns : UINT64_MAX;
}

static void on_no_reply(struct relay_list *l, struct relay *r, uint64_t now_ns)
{
    r->unchecked = 0;
    if (++r->failures == LIM_RELAY_FAILURES) {
        drop(l, r);
        l->lost++;
        return;
    }
    check_next(l, r, now_ns + RETRY_NS);
}

bool relay_list_check_ended(struct relay_list *l, const uint8_t key[32], enum wire_dialect dialect,
                            uint8_t dialects, uint64_t now_ns)
{
    uint8_t bit = WIRE_DIALECT_BIT(dialect), before;
    struct relay *r = find(l, key);
    bool is_first, has_changed;

    if (!r)
        return false;
    before = r->dialects;
    is_first = !r->has_replied;
    if (dialects == 0 && is_first) {
        on_no_reply(l, r, now_ns);
        return false;
    }
    if (dialects == 0) {
        r->mute |= bit;
    } else {
        r->mute &= (uint8_t)~bit;
        r->claimed = is_first ? dialects : r->claimed & dialects;
        r->has_replied = true;
    }
    if (is_first) /* newly claimed dialects are checked before they count */
        r->unchecked = r->claimed & (uint8_t)~bit;
    r->mute |= r->unchecked & (uint8_t)~before;
    r->unchecked &= r->claimed;
    r->dialects = r->claimed & (uint8_t)~r->mute;
    has_changed = r->dialects != before;
    if (r->unchecked != 0)
        check_next(l, r, now_ns);
    else if (r->dialects != 0)
        r->failures = 0;
    else
        on_no_reply(l, r, now_ns); /* the relay contradicts itself */
    return has_changed;
}

/* -- revocations -- */

static struct relay *first_lookup(const struct relay_list *l)
{
    const struct rt_list *n = l->by_lookup.next;

    return n == &l->by_lookup ? NULL : RT_CONTAINER_OF(n, struct relay, by_lookup);
}

bool relay_list_next_lookup(struct relay_list *l, uint64_t now_ns, uint8_t out_key[32])
{
    struct relay *r = first_lookup(l);

    if (!r || r->lookup_ns > now_ns)
        return false;
    memcpy(out_key, r->key, 32);
    r->lookup_ns = now_ns + LIM_REVOCATION_CHECK_NS;
    rt_list_unlink(&r->by_lookup);
    rt_list_push_back(&l->by_lookup, &r->by_lookup);
    return true;
}

uint64_t relay_list_next_lookup_ns(const struct relay_list *l)
{
    const struct relay *r = first_lookup(l);

    return r ? r->lookup_ns : UINT64_MAX;
}

/* -- samples and views -- */

uint32_t relay_list_sample(struct relay_list *l, enum wire_dialect dialect, uint32_t max,
                           size_t bytes_max, uint64_t now_s, struct relay_slice *out,
                           bool *out_is_cut)
{
    enum announcement_form form = announcement_form_in(dialect);
    struct relay_array *array = &l->arrays[form];
    uint32_t taken = 0, drawn = 0;

    *out_is_cut = false;
    while (taken < max && drawn < array->count) {
        struct relay *r = array->at[drawn + draw(l, array->count - drawn)];
        const struct announcement_held *held = &r->forms.at[form];

        if (held->expires_at <= now_s) {
            drop_form(l, r, form);
            continue;
        }
        /* Drawn entries are moved to the front. */
        array->at[r->place[form]] = array->at[drawn];
        array->at[r->place[form]]->place[form] = r->place[form];
        array->at[drawn] = r;
        r->place[form] = drawn++;
        if (!(r->dialects & WIRE_DIALECT_BIT(dialect)))
            continue;
        if (held->bytes.len > bytes_max) {
            *out_is_cut = true;
            break;
        }
        bytes_max -= held->bytes.len;
        out[taken++] = relay_slice_view(held->bytes.ptr, held->bytes.len);
    }
    return taken;
}

static void view(const struct relay *r, struct relay_list_view *out)
{
    *out = (struct relay_list_view){.dialects = r->dialects, .reached = r->reached};
    memcpy(out->key, r->key, sizeof(out->key));
    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++) {
        const struct announcement_held *held = &r->forms.at[form];

        out->issued_at[form] = held->issued_at;
        if (forms_has(&r->forms, form))
            out->bytes[form] = relay_slice_view(held->bytes.ptr, held->bytes.len);
    }
}

void relay_list_at(const struct relay_list *l, uint32_t place, struct relay_list_view *out)
{
    RT_REQUIRE(place < l->arrays[ARRAY_ALL].count);
    view(l->arrays[ARRAY_ALL].at[place], out);
}

bool relay_list_find(const struct relay_list *l, const uint8_t key[32], struct relay_list_view *out)
{
    const struct relay *r = find(l, key);

    if (r)
        view(r, out);
    return r != NULL;
}

uint32_t relay_list_count(const struct relay_list *l)
{
    return l->arrays[ARRAY_ALL].count;
}

uint64_t relay_list_evicted(const struct relay_list *l)
{
    return l->evicted;
}

uint64_t relay_list_lost(const struct relay_list *l)
{
    return l->lost;
}

/* -- life -- */

struct relay_list *relay_list_new(const uint8_t hash_key[16], uint64_t (*random)(void *ctx),
                                  void *random_ctx)
{
    struct relay_list *l = calloc(1, sizeof(*l));

    RT_INSIST(l != NULL);
    memcpy(l->hash_key, hash_key, sizeof(l->hash_key));
    l->random = random;
    l->random_ctx = random_ctx;
    rt_list_init(&l->by_due);
    rt_list_init(&l->by_lookup);
    return l;
}

void relay_list_free(struct relay_list **list)
{
    struct relay_list *l = *list;

    *list = NULL;
    if (!l)
        return;
    while (l->arrays[ARRAY_ALL].count > 0)
        drop(l, l->arrays[ARRAY_ALL].at[0]);
    rt_map_fini(&l->by_key, NULL, NULL);
    for (uint32_t i = 0; i < ARRAYS; i++)
        free((void *)l->arrays[i].at);
    free(l);
}
