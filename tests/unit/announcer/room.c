/* SPDX-License-Identifier: MPL-2.0 */
#include "room.h"

#include "actor/worker.h"
#include "announcer/directory/relay_list.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/address/addr.h"
#include "wire_community.h"
#include "wire_envelope.h"
#include "wire_dht.h"

struct room room;
static struct rt_actor dht;
static uint64_t rng;

/* -- the log -- */

static char log_text[256 * 1024];
static size_t log_len;

static void ignore_wake(void)
{
}

static void read_log(void)
{
    size_t len;

    while ((len = rt_log_ring_take(log_text + log_len, RT_LOG_LINE_MAX)) > 0)
        if (log_len + len + 2 * RT_LOG_LINE_MAX < sizeof(log_text))
            log_len += len;
    log_text[log_len] = '\0';
}

uint32_t room_count_log(const char *words)
{
    uint32_t count = 0;

    read_log();
    for (const char *at = log_text; (at = strstr(at, words)); at++)
        count++;
    return count;
}

/* -- seams -- */

static uint64_t mono(void *ctx)
{
    (void)ctx;
    return room.now_ns;
}

static uint64_t wall(void *ctx)
{
    (void)ctx;
    return room.now_ns + room.wall_ahead_s * RT_S;
}

static void draw(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)(test_random(&rng) >> 13);
}

uint64_t room_now_s(void)
{
    return room.now_ns / RT_S + room.wall_ahead_s;
}

void room_run(uint64_t for_ns)
{
    uint64_t until_ns = room.now_ns + for_ns;

    for (;;) {
        uint64_t next_ns;

        rt_worker_refresh_clock(room.worker);
        while (rt_worker_turn(room.worker))
            ;
        next_ns = rt_worker_next_timer(room.worker);
        read_log();
        if (room.now_ns >= until_ns)
            return;
        if (next_ns > room.now_ns)
            room.now_ns = next_ns < until_ns ? next_ns : until_ns;
    }
}

/* -- the DHT: its messages -- */

static void drop_publish(struct rt_msg *m)
{
    relay_slice_drop(&((struct dht_publish_request *)m)->value);
}

struct dht_publish_request *dht_publish_request_new(void)
{
    struct dht_publish_request *a = rt_msg_new(DHT_PUBLISH_REQUEST, sizeof(*a));

    a->msg.fini = drop_publish;
    return a;
}

static void drop_ask(struct rt_msg *m)
{
    relay_slice_drop(&((struct dht_request *)m)->payload);
}

struct dht_request *dht_request_new(enum dht_op op)
{
    struct dht_request *a = rt_msg_new(DHT_REQUEST, sizeof(*a));

    a->msg.fini = drop_ask;
    a->op = op;
    return a;
}

static void drop_lookup(struct rt_msg *m)
{
    struct dht_lookup_request *a = (struct dht_lookup_request *)m;

    for (uint32_t i = 0; i < a->count; i++)
        relay_slice_drop(&a->values[i]);
}

struct dht_lookup_request *dht_lookup_request_new(void)
{
    struct dht_lookup_request *a = rt_msg_new(DHT_LOOKUP_REQUEST, sizeof(*a));

    a->msg.fini = drop_lookup;
    return a;
}

static void drop_call(struct rt_msg *m)
{
    struct dht_call_request *a = (struct dht_call_request *)m;

    relay_slice_drop(&a->payload);
    relay_slice_drop(&a->reply);
}

struct dht_call_request *dht_call_request_new(void)
{
    struct dht_call_request *a = rt_msg_new(DHT_CALL_REQUEST, sizeof(*a));

    a->msg.fini = drop_call;
    return a;
}

struct dht_peers_request *dht_peers_request_new(void)
{
    return rt_msg_new(DHT_PEERS_REQUEST, sizeof(struct dht_peers_request));
}

struct rt_addr dht_addr(const struct rt_worker *w)
{
    (void)w;
    return rt_actor_addr(&dht);
}

/* -- the DHT: its replies -- */

/* Signs the announcement in its current form. */
static bool read_sound(const struct relay_slice *encoded, uint8_t bytes[ANNOUNCEMENT_ROOM],
                       struct wire_announcement *out)
{
    enum announcement_form form;

    if (!announcement_read(encoded, bytes, out))
        return false;
    form = announcement_form(out);
    return announcement_verify(out) && announcement_form(out) == form;
}

static void on_publish(struct dht_publish_request *a)
{
    struct room_store *s = &room.stores[room.store_count];
    uint8_t bytes[ANNOUNCEMENT_ROOM];
    struct wire_announcement ann;
    struct rt_msg *m = &a->msg;

    assert_true(room.store_count < ROOM_STORES);
    assert_true(read_sound(&a->value, bytes, &ann));
    assert_true(wire_announcement_has_key(&ann, a->key));
    assert_int_equal(a->dialects, announcement_form_dialects(announcement_form(&ann)));
    assert_int_equal(a->ttl_secs, 86400);
    *s = (struct room_store){.at_s = room_now_s(),
                             .form = announcement_form(&ann),
                             .issued_at = ann.issued_at,
                             .expires_at = ann.expires_at,
                             .addrs = ann.addrs.count};
    memcpy(s->key, a->key, 32);
    room.store_count++;
    relay_slice_drop(&room.last);
    room.last = relay_slice_take(&a->value);
    if (room.is_silent && !room.unanswered) {
        room.unanswered = m;
        return;
    }
    a->stored = room.stored[s->form];
    if (room.is_silent)
        rt_msg_free(&m);
    else
        rt_msg_reply(room.worker, m);
}

static bool is_given_in(uint32_t relay, enum wire_dialect dialect)
{
    return announcement_form(&room.relays[relay]->ann) == announcement_form_in(dialect) &&
           room.dialects[relay] & WIRE_DIALECT_BIT(dialect);
}

static void on_revocation_lookup(struct dht_lookup_request *a)
{
    assert_int_equal(a->dialect, WIRE_DIALECT_C);
    room.revocation_lookups++;
    if (room.revocation.owner && memcmp(room.revocation_key, a->key, 32) == 0)
        a->values[a->count++] = relay_slice_ref(room.revocation);
    rt_msg_reply(room.worker, &a->msg);
}

static void on_lookup(struct dht_lookup_request *a)
{
    if (a->values_max == 1) {
        on_revocation_lookup(a);
        return;
    }
    room.lookups++;
    room.lookups_in[a->dialect]++;
    for (uint32_t i = 0; i < room.relay_count && a->count < a->values_max; i++)
        if (is_given_in(i, a->dialect) && wire_announcement_has_key(&room.relays[i]->ann, a->key))
            a->values[a->count++] = relay_slice_ref(room.relays[i]->bytes);
    rt_msg_reply(room.worker, &a->msg);
}

static struct relay_slice list_of(enum wire_dialect dialect, uint32_t first, uint32_t count)
{
    size_t cap = 64 + (count + 1) * ANNOUNCEMENT_ROOM;
    struct relay_buf *buf = rt_buf_new(cap);
    struct wire_writer w;
    bool fits, with_us = room.lists_own && room.last.owner;
    uint32_t given = 0;

    assert_non_null(buf);
    for (uint32_t i = first; i < first + count; i++)
        given += is_given_in(i, dialect);
    wire_writer_init(&w, buf->bytes, cap);
    wire_write_relay_list_head(&w, given + with_us);
    for (uint32_t i = first; i < first + count; i++)
        if (is_given_in(i, dialect))
            wire_write_raw(&w, room.relays[i]->bytes.ptr, room.relays[i]->bytes.len);
    if (with_us)
        wire_write_raw(&w, room.last.ptr, room.last.len);
    return relay_slice_own(buf, buf->bytes, (uint32_t)wire_writer_len(&w, &fits));
}

static void on_local_store(struct dht_request *a)
{
    uint8_t bytes[ANNOUNCEMENT_ROOM];
    struct wire_announcement ann;

    assert_int_equal(a->op, DHT_STORE);
    assert_true(read_sound(&a->payload, bytes, &ann));
    assert_true(wire_announcement_has_key(&ann, a->key));
    room.local_stores++;
    room.local_stores_in[announcement_form(&ann)]++;
    room.local_reached = a->reached_dialects;
    rt_msg_reply(room.worker, &a->msg);
}

static void on_final_store(struct dht_call_request *a)
{
    uint8_t bytes[ANNOUNCEMENT_ROOM];
    struct wire_announcement ann;
    struct wire_store s;
    struct relay_slice value;

    assert_int_equal(wire_store_decode((uint8_t *)(uintptr_t)a->payload.ptr, a->payload.len, &s),
                     RT_ERR_OK);
    value = relay_slice_view(s.value.ptr, s.value.len);
    assert_true(read_sound(&value, bytes, &ann));
    assert_true(wire_announcement_has_key(&ann, s.key));
    assert_memory_equal(ann.relay_pubkey, room.identity.public_key, 32);
    assert_int_equal(ann.expires_at - ann.issued_at, LIM_FINAL_ANNOUNCEMENT_S);
    room.final_stores++;
    room.final_stores_in[a->dialect][announcement_form(&ann)]++;
    room.final_store_to = a->to;
}

static void on_exchange(struct dht_call_request *a)
{
    uint16_t max;

    assert_int_equal(a->type, WIRE_RELAY_LIST_REQUEST);
    assert_int_equal(
        wire_relay_list_request_decode((uint8_t *)(uintptr_t)a->payload.ptr, a->payload.len, &max),
        RT_ERR_OK);
    assert_int_equal(max, LIM_RELAY_ASKED);
    room.exchanges++;
    room.exchanges_in[a->dialect]++;
    if (a->outcome != DHT_CALL_REPLIED)
        return;
    a->reply_type = WIRE_RELAY_LIST_RESPONSE;
    a->reply = list_of(a->dialect, room.listed_first, room.listed_count);
    room.listed_first += room.listed_step;
    if (room.listed_first + room.listed_count > room.relay_count)
        room.listed_first = 0;
}

/* The dialects that the peer speaks: those of the relay, or the dialect of its routing table. */
static uint8_t spoken_by(const struct dht_call_request *a)
{
    for (uint32_t i = 0; i < room.relay_count; i++)
        if (memcmp(room.relays[i]->ann.relay_pubkey, a->to.pubkey_hint, 32) == 0)
            return room.dialects[i];
    assert_in_range(a->dialect, 0, WIRE_DIALECTS - 1);
    return WIRE_DIALECT_BIT(a->dialect);
}

static void on_call(struct dht_call_request *a)
{
    enum wire_dialect wanted = a->dialect;

    assert_true(a->to.has_pubkey_hint);
    a->outcome = room.dials;
    if (a->outcome == DHT_CALL_REPLIED) {
        a->peer_dialects = spoken_by(a);
        if (wanted == DHT_DIALECT_ANY || !(a->peer_dialects & WIRE_DIALECT_BIT(wanted)))
            a->dialect = relay_list_dialect(a->peer_dialects);
        if (wanted != DHT_DIALECT_ANY && a->dialect != wanted)
            a->outcome = DHT_CALL_WRONG_DIALECT;
        memcpy(a->peer_key, a->to.pubkey_hint, 32);
    }
    if (a->type == 0) {
        assert_int_equal(wanted, DHT_DIALECT_ANY);
        room.dial_count++;
    } else if (a->type == WIRE_STORE) {
        on_final_store(a);
    } else {
        on_exchange(a);
    }
    rt_msg_reply(room.worker, &a->msg);
}

static void on_peers(struct dht_peers_request *a)
{
    uint32_t peers = room.peers[a->dialect];

    a->count = a->max < peers ? a->max : peers;
    for (uint32_t i = 0; i < a->count; i++) {
        a->peers[i] = test_hop(0x0c000001 + i * 0x10000);
        a->peers[i].has_pubkey_hint = true;
        a->peers[i].pubkey_hint[0] = (uint8_t)(1 + i);
        a->peers[i].pubkey_hint[1] = (uint8_t)a->dialect;
    }
    rt_msg_reply(room.worker, &a->msg);
}

static void on_dht_msg(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    switch (m->kind) {
    case DHT_PUBLISH_REQUEST:
        on_publish((struct dht_publish_request *)m);
        break;
    case DHT_LOOKUP_REQUEST:
        on_lookup((struct dht_lookup_request *)m);
        break;
    case DHT_REQUEST:
        on_local_store((struct dht_request *)m);
        break;
    case DHT_CALL_REQUEST:
        on_call((struct dht_call_request *)m);
        break;
    default:
        assert_int_equal(m->kind, DHT_PEERS_REQUEST);
        on_peers((struct dht_peers_request *)m);
    }
}

/* -- requests to the announcer -- */

static void on_reply(struct rt_actor *self, struct rt_msg *m)
{
    struct relay_list_request *q = (struct relay_list_request *)m;

    (void)self;
    if (m->kind == RELAY_LIST_REPLY) {
        relay_slice_drop(&room.list);
        room.list = relay_slice_take(&q->reply);
        room.lists++;
    } else {
        assert_int_equal(m->kind, ANNOUNCER_SHUTDOWN_DONE);
        room.shutdown_replies++;
        room.shutdown_reply_ns = room.now_ns;
    }
    rt_msg_free(&m);
}

static void ask(struct rt_msg *m)
{
    m->reply_to = rt_actor_addr(&room.requester);
    rt_send(room.worker, announcer_addr(room.worker), m);
    room_run(0);
}

struct search {
    const uint8_t *key;
    enum announcement_form form; /* of all announcements in the list */
    uint32_t count;
    bool is_found;
};
static enum announcement_form list_form;

static void count_one(void *ctx, const struct wire_announcement *a)
{
    struct search *s = ctx;

    struct wire_announcement copy = *a;

    s->count++;
    assert_true(announcement_verify(&copy));
    assert_int_equal(announcement_form(a), s->form);
    assert_int_equal(announcement_form(&copy), s->form);
    s->is_found = s->is_found || (s->key && memcmp(s->key, a->relay_pubkey, 32) == 0);
}

static struct search search_list(const uint8_t *key)
{
    struct search s = {.key = key, .form = list_form};
    uint8_t *copy = malloc(room.list.len + 1);

    assert_non_null(copy);
    memcpy(copy, room.list.ptr, room.list.len);
    assert_int_equal(wire_relay_list_decode(copy, room.list.len, count_one, &s), RT_ERR_OK);
    free(copy);
    return s;
}

int room_ask_list_in(enum wire_dialect dialect, uint16_t max_count)
{
    uint32_t before = room.lists;

    list_form = announcement_form_in(dialect);
    ask(&relay_list_request_new(max_count, dialect)->msg);
    assert_int_equal(room.lists, before + 1);
    return room.list.owner ? (int)search_list(NULL).count : -1;
}

int room_ask_list(uint16_t max_count)
{
    return room_ask_list_in(WIRE_DIALECT_A, max_count);
}

bool room_is_listed(const struct rt_sign_key *relay)
{
    return search_list(relay->public_key).is_found;
}

void room_revoke(const struct rt_sign_key *relay)
{
    struct wire_revocation r = {.subject_kind = WIRE_SUBJECT_NODE, .issued_at = room_now_s()};
    uint8_t bytes[512];
    struct wire_writer w;
    bool fits;

    memcpy(r.pubkey, relay->public_key, 32);
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_revocation(&w, &r); /* the DHT checks the signature, not the announcer */
    relay_slice_drop(&room.revocation);
    room.revocation = rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
    wire_revocation_key(relay->public_key, room.revocation_key);
}

void room_notify_revoked(const struct rt_sign_key *relay)
{
    struct announcer_revoked *m = rt_msg_new(ANNOUNCER_REVOKED, sizeof(*m));

    memcpy(m->key, relay->public_key, 32);
    rt_send(room.worker, announcer_addr(room.worker), &m->msg);
    room_run(0);
}

void room_shutdown(void)
{
    ask(rt_msg_new(ANNOUNCER_SHUTDOWN, sizeof(struct rt_msg)));
}

/* -- life -- */

static void where(void *ctx, struct announcer_where *out)
{
    (void)ctx;
    *out = room.where;
}

void room_init(void)
{
    static const struct rt_seams seams = {mono, wall, draw, NULL};

    memset(&room, 0, sizeof(room));
    log_len = 0;
    rt_log_ring_start(ignore_wake);
    rng = 20261127;
    print_message("seed %llu\n", (unsigned long long)rng);
    room.now_ns = 5 * RT_S;
    room.wall_ahead_s = NOW_S / 3600 * 3600;
    room.stored[ANNOUNCEMENT_FORM_5] = room.stored[ANNOUNCEMENT_FORM_8] = 20;
    room.dials = DHT_CALL_REPLIED;
    room.peers[WIRE_DIALECT_A] = 1;
    room.where.configured_count = 1;
    room.where.configured[0] = test_hop(0x08080808);
    test_sign_key(7777, &room.identity);
    room.config = (struct announcer_config){.identity = &room.identity,
                                            .interval_s = 1800,
                                            .max_tunnels = 64,
                                            .bandwidth = WIRE_BANDWIDTH_HIGH,
                                            .where = where};
    room.system = rt_system_new(1, &seams);
    room.worker = rt_system_worker(room.system, 0);
    rt_actor_start(&dht, room.worker, on_dht_msg);
    rt_actor_start(&room.requester, room.worker, on_reply);
}

void room_start(void)
{
    announcer_init(room.system, &room.config);
    announcer_start(room.system);
    room_run(0);
}

void room_end(void)
{
    rt_log_ring_stop();
    announcer_fini(room.system);
    rt_msg_free(&room.unanswered);
    rt_actor_stop(&dht);
    rt_actor_stop(&room.requester);
    rt_system_free(&room.system);
    relay_slice_drop(&room.last);
    relay_slice_drop(&room.list);
    relay_slice_drop(&room.revocation);
    for (uint32_t i = 0; i < room.relay_count; i++)
        test_relay_free(&room.relays[i]);
    assert_int_equal(rt_buf_live(), 0);
}

struct test_relay *room_relay_in(uint8_t dialects, uint32_t number, uint32_t ip)
{
    struct test_relay *r = NULL;

    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++) {
        if (!(announcement_form_dialects(form) & dialects))
            continue;
        assert_true(room.relay_count < ROOM_RELAYS);
        r = test_relay_in(form, number, ip, room_now_s());
        room.dialects[room.relay_count] = dialects;
        room.relays[room.relay_count++] = r;
    }
    assert_non_null(r);
    return r;
}

struct test_relay *room_relay(uint32_t number, uint32_t ip)
{
    return room_relay_in(WIRE_DIALECT_BIT(WIRE_DIALECT_A), number, ip);
}
