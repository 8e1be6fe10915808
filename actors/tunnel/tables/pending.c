/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants: a key is in the heap `turns` exactly while it has requests waiting. It is among the
 * debtors only while it has no request. The sums of the keys' waiting_count and written_count are
 * those of struct pending.
 */
#include "tunnel/tables/pending.h"

#include <stdlib.h>

#include "base/check.h"
#include "tunnel/tunnel_limits.h"

#define BUCKETS 64u
#define TURNS_START 8u
#define NOT_WAITING UINT32_MAX

/* The state of one key. In `turns` while it has requests waiting; among the debtors while it has no
 * request, but a tag ahead of the clock. */
struct pending_key {
    struct pending_key *hash_next;
    uint64_t key;
    uint64_t tag;
    uint64_t since; /* order among equal tags: the longest waiting first */
    struct rt_list waiting;
    struct rt_list debtor_node;
    uint32_t waiting_count, written_count;
    uint32_t place; /* in turns */
};

struct pending_tables {
    struct pending_request *by_requester[BUCKETS];
    struct pending_key *by_key[BUCKETS];
    struct pending_key *spare; /* by hash_next */
    struct rt_list debtors;    /* oldest first */
    uint32_t debtor_count;
    uint64_t moment;            /* counter for pending_key.since */
    struct pending_key **turns; /* binary heap: smallest tag first */
    uint32_t turns_len, turns_cap;
};

#define REQUEST_OF(n, member) RT_CONTAINER_OF(n, struct pending_request, member)

void pending_init(struct pending *p)
{
    *p = (struct pending){.window = LIM_WINDOW_START};
    rt_list_init(&p->waiting);
    rt_list_init(&p->written);
}

void pending_fini(struct pending *p)
{
    RT_REQUIRE(p->waiting_count == 0 && p->written_count == 0);
    pending_trim(p);
}

void pending_trim(struct pending *p)
{
    struct pending_tables *t = p->tables;
    struct pending_key *k;

    if (!t || p->waiting_count > 0 || p->written_count > 0)
        return;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        while ((k = t->by_key[i])) {
            t->by_key[i] = k->hash_next;
            free(k);
        }
    }
    while ((k = t->spare)) {
        t->spare = k->hash_next;
        free(k);
    }
    free(t->turns);
    free(t);
    p->tables = NULL;
}

static struct pending_tables *tables_of(struct pending *p)
{
    if (!p->tables) {
        p->tables = calloc(1, sizeof(*p->tables));
        RT_INSIST(p->tables != NULL);
        rt_list_init(&p->tables->debtors);
    }
    return p->tables;
}

/* -- turns: a heap of the keys that wait -- */

static bool goes_before(const struct pending_key *a, const struct pending_key *b)
{
    return a->tag != b->tag ? a->tag < b->tag : a->since < b->since;
}

static void turns_set(struct pending_tables *t, uint32_t place, struct pending_key *k)
{
    t->turns[place] = k;
    k->place = place;
}

static void turns_up(struct pending_tables *t, uint32_t place, struct pending_key *k)
{
    while (place > 0 && goes_before(k, t->turns[(place - 1) / 2])) {
        turns_set(t, place, t->turns[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    turns_set(t, place, k);
}

static void turns_down(struct pending_tables *t, uint32_t place, struct pending_key *k)
{
    for (;;) {
        uint32_t child = place * 2 + 1;

        if (child >= t->turns_len)
            break;
        if (child + 1 < t->turns_len && goes_before(t->turns[child + 1], t->turns[child]))
            child++;
        if (!goes_before(t->turns[child], k))
            break;
        turns_set(t, place, t->turns[child]);
        place = child;
    }
    turns_set(t, place, k);
}

static void turns_push(struct pending_tables *t, struct pending_key *k)
{
    if (t->turns_len == t->turns_cap) {
        t->turns_cap = t->turns_cap ? t->turns_cap * 2 : TURNS_START;
        t->turns = realloc(t->turns, t->turns_cap * sizeof(struct pending_key *));
        RT_INSIST(t->turns != NULL);
    }
    k->since = t->moment++;
    turns_up(t, t->turns_len++, k);
}

static void turns_remove(struct pending_tables *t, struct pending_key *k)
{
    uint32_t place = k->place;
    struct pending_key *last = t->turns[--t->turns_len];

    k->place = NOT_WAITING;
    if (last == k)
        return;
    if (goes_before(last, k))
        turns_up(t, place, last);
    else
        turns_down(t, place, last);
}

/* -- keys -- */

static struct pending_key **key_bucket(struct pending_tables *t, uint64_t key)
{
    return &t->by_key[key % BUCKETS];
}

static struct pending_key *key_find(struct pending_tables *t, uint64_t key)
{
    struct pending_key *k = *key_bucket(t, key);

    while (k && k->key != key)
        k = k->hash_next;
    return k;
}

static struct pending_key *key_get(struct pending_tables *t, uint64_t key)
{
    struct pending_key *k = key_find(t, key);
    struct pending_key **bucket = key_bucket(t, key);

    if (k)
        return k;
    k = t->spare;
    if (k)
        t->spare = k->hash_next;
    else
        k = malloc(sizeof(*k));
    RT_INSIST(k != NULL);
    *k = (struct pending_key){.hash_next = *bucket, .key = key, .place = NOT_WAITING};
    rt_list_init(&k->waiting);
    rt_list_init(&k->debtor_node);
    *bucket = k;
    return k;
}

static void key_forget(struct pending_tables *t, struct pending_key *k)
{
    struct pending_key **at = key_bucket(t, k->key);

    while (*at != k)
        at = &(*at)->hash_next;
    *at = k->hash_next;
    k->hash_next = t->spare;
    t->spare = k;
}

static void debtor_remove(struct pending_tables *t, struct pending_key *k)
{
    if (rt_list_empty(&k->debtor_node))
        return;
    rt_list_unlink(&k->debtor_node);
    t->debtor_count--;
}

/* A key without requests is kept only while it has debt, and at most PENDING_DEBTORS_MAX are. */
static void key_rest(struct pending *p, struct pending_key *k)
{
    struct pending_tables *t = p->tables;

    if (k->waiting_count > 0 || k->written_count > 0)
        return;
    rt_list_push_back(&t->debtors, &k->debtor_node);
    t->debtor_count++;
    while (t->debtor_count > 0) {
        k = RT_CONTAINER_OF(t->debtors.next, struct pending_key, debtor_node);
        if (k->tag > p->turn_clock && t->debtor_count <= PENDING_DEBTORS_MAX)
            break;
        debtor_remove(t, k);
        key_forget(t, k);
    }
}

/* -- requesters by address -- */

static struct pending_request **requester_bucket(struct pending_tables *t, struct rt_addr a)
{
    uint32_t h = a.index * UINT32_C(2654435761) ^ a.generation * UINT32_C(2246822519) ^
                 a.worker * UINT32_C(3266489917);

    return &t->by_requester[(h >> 16) % BUCKETS];
}

static void requester_put(struct pending_tables *t, struct pending_request *r)
{
    struct pending_request **bucket = requester_bucket(t, r->requester);

    r->hash_next = *bucket;
    *bucket = r;
}

static void requester_remove(struct pending_tables *t, struct pending_request *r)
{
    struct pending_request **at = requester_bucket(t, r->requester);

    for (; *at != r; at = &(*at)->hash_next)
        RT_INSIST(*at != NULL);
    *at = r->hash_next;
    r->hash_next = NULL;
}

/* -- in and out -- */

/* After all with the same or an earlier deadline. Most arrive in that order. */
static void insert_by_age(struct rt_list *head, struct pending_request *r)
{
    struct rt_list *at = head->prev;

    while (at != head && REQUEST_OF(at, age_node)->deadline_ns > r->deadline_ns)
        at = at->prev;
    rt_list_push_front(at, &r->age_node);
}

static void insert_by_turn(struct rt_list *head, struct pending_request *r)
{
    struct rt_list *at = head->prev;

    while (at != head && REQUEST_OF(at, turn_node)->deadline_ns > r->deadline_ns)
        at = at->prev;
    rt_list_push_front(at, &r->turn_node);
}

/* Out of both queues; its key stays in turns as long as more of its requests wait. */
static void unqueue(struct pending *p, struct pending_key *k, struct pending_request *r)
{
    rt_list_unlink(&r->age_node);
    rt_list_unlink(&r->turn_node);
    p->waiting_count--;
    if (--k->waiting_count == 0)
        turns_remove(p->tables, k);
}

static void take_out(struct pending *p, struct pending_request *r)
{
    struct pending_key *k = key_find(p->tables, r->key);

    RT_INSIST(k != NULL);
    unqueue(p, k, r);
    requester_remove(p->tables, r);
    key_rest(p, k);
}

/* The newest request of the key with the most waiting. */
static struct pending_request *newest_of_longest(struct pending_tables *t, uint32_t *out_count)
{
    struct pending_key *longest = t->turns[0];

    for (uint32_t i = 1; i < t->turns_len; i++)
        if (t->turns[i]->waiting_count > longest->waiting_count)
            longest = t->turns[i];
    *out_count = longest->waiting_count;
    return REQUEST_OF(longest->waiting.prev, turn_node);
}

static struct pending_request *make_room(struct pending *p, struct pending_key *k,
                                         struct pending_request *r)
{
    struct pending_request *victim;
    uint32_t longest;

    if (k->waiting_count >= LIM_QUEUED_PER_KEY)
        return r;
    if (p->waiting_count < LIM_QUEUED_PER_TUNNEL)
        return NULL;
    victim = newest_of_longest(p->tables, &longest);
    if (longest < k->waiting_count + 2)
        return r;
    take_out(p, victim);
    return victim;
}

struct pending_request *pending_add(struct pending *p, struct pending_request *r)
{
    struct pending_tables *t = tables_of(p);
    struct pending_key *k = key_get(t, r->key);
    struct pending_request *refused;

    debtor_remove(t, k);
    refused = make_room(p, k, r);
    if (refused == r) {
        key_rest(p, k);
        return r;
    }
    r->is_written = r->is_cancelled = false;
    rt_list_init(&r->age_node);
    rt_list_init(&r->turn_node);
    rt_list_init(&r->window_node);
    insert_by_age(&p->waiting, r);
    insert_by_turn(&k->waiting, r);
    requester_put(t, r);
    p->waiting_count++;
    if (k->waiting_count++ == 0) {
        if (k->tag < p->turn_clock + PENDING_TURN_BYTES)
            k->tag = p->turn_clock + PENDING_TURN_BYTES;
        turns_push(t, k);
    }
    return refused;
}

struct pending_request *pending_write(struct pending *p, uint64_t now_ns)
{
    struct pending_tables *t = p->tables;
    struct pending_key *k;
    struct pending_request *r;

    RT_REQUIRE(pending_can_write(p));
    k = t->turns[0];
    r = REQUEST_OF(k->waiting.next, turn_node);
    RT_INSIST(k->tag >= p->turn_clock);
    p->turn_clock = k->tag;
    unqueue(p, k, r);
    k->tag += PENDING_TURN_BYTES;
    k->since = t->moment++;
    if (k->waiting_count > 0)
        turns_down(t, 0, k);
    k->written_count++;
    r->is_written = true;
    r->written_ns = now_ns;
    rt_list_push_back(&p->written, &r->window_node);
    p->written_count++;
    return r;
}

/* -- replies -- */

/* held: the requests that were written when this one was answered. */
static void window_adapt(struct pending *p, const struct pending_request *r, uint32_t held,
                         uint64_t now_ns)
{
    uint64_t took_ns = now_ns - r->written_ns;

    if (took_ns > PENDING_TARGET_NS) {
        uint64_t window = held < p->window ? held : p->window;

        if (r->written_ns < p->shrunk_ns)
            return;
        window = window * PENDING_TARGET_NS / took_ns;
        p->window = window > LIM_WINDOW_MIN ? (uint32_t)window : LIM_WINDOW_MIN;
        p->shrunk_ns = now_ns;
    } else if (took_ns <= PENDING_TARGET_NS / 2 && held >= p->window &&
               p->window < LIM_WINDOW_MAX) {
        p->window++;
    }
}

static void weigh_reply(struct pending *p, uint32_t bytes)
{
    if (bytes > p->reply_bytes)
        p->reply_bytes += (bytes - p->reply_bytes) / 2;
    else
        p->reply_bytes -= (p->reply_bytes - bytes) / 8;
}

/* Takes the first written request out and charges its key. */
static struct pending_request *unwrite(struct pending *p, uint32_t bytes)
{
    struct rt_list *n = rt_list_pop_front(&p->written);
    struct pending_request *r;
    struct pending_key *k;

    if (!n)
        return NULL;
    r = REQUEST_OF(n, window_node);
    k = key_find(p->tables, r->key);
    RT_INSIST(k != NULL && k->written_count > 0);
    requester_remove(p->tables, r);
    p->written_count--;
    k->written_count--;
    k->tag += bytes;
    if (k->place != NOT_WAITING)
        turns_down(p->tables, k->place, k);
    key_rest(p, k);
    return r;
}

struct pending_request *pending_answered(struct pending *p, uint32_t bytes, uint64_t now_ns)
{
    uint32_t held = p->written_count;
    struct pending_request *r = unwrite(p, bytes);

    if (!r)
        return NULL;
    weigh_reply(p, bytes);
    window_adapt(p, r, held, now_ns);
    return r;
}

uint32_t pending_reserve(const struct pending *p)
{
    if (p->reply_bytes < PENDING_RESERVE_MIN)
        return PENDING_RESERVE_MIN;
    return p->reply_bytes < PENDING_RESERVE_MAX ? p->reply_bytes : PENDING_RESERVE_MAX;
}

/* -- other ways out -- */

struct pending_request *pending_cancel(struct pending *p, struct rt_addr requester,
                                       bool drop_written, bool *out_found)
{
    struct pending_request *r;

    if (!p->tables)
        return NULL;
    for (r = *requester_bucket(p->tables, requester); r; r = r->hash_next) {
        if (!rt_addr_equal(r->requester, requester))
            continue;
        *out_found = true;
        if (!r->is_written) {
            take_out(p, r);
            return r;
        }
        if (drop_written)
            r->is_cancelled = true;
    }
    return NULL;
}

struct pending_request *pending_expired(struct pending *p, uint64_t now_ns)
{
    return pending_next_deadline(p) <= now_ns ? pending_take_waiting(p) : NULL;
}

uint64_t pending_next_deadline(const struct pending *p)
{
    if (rt_list_empty(&p->waiting))
        return UINT64_MAX;
    return REQUEST_OF(p->waiting.next, age_node)->deadline_ns;
}

struct pending_request *pending_oldest_written(const struct pending *p)
{
    return rt_list_empty(&p->written) ? NULL : REQUEST_OF(p->written.next, window_node);
}

struct pending_request *pending_take_waiting(struct pending *p)
{
    struct pending_request *r;

    if (rt_list_empty(&p->waiting))
        return NULL;
    r = REQUEST_OF(p->waiting.next, age_node);
    take_out(p, r);
    return r;
}

struct pending_request *pending_take_written(struct pending *p)
{
    return unwrite(p, 0);
}
