/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The handlers of all message types, in one table (protocol: Envelope).
 *
 * Invariant: a handler refuses, replies, or sends the request to an actor whose reply ends it.
 */
#include <string.h>

#include "session_private.h"
#include "wire_browse.h"
#include "wire_dht.h"

#define REPLY_MAX 256u /* bytes of the fixed-size replies below */

enum rate { RATE_DHT, RATE_FETCH, RATE_COMMUNITY, RATE_RELAY };

typedef void handler_fn(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len);

static void refuse_payload(struct session *s, rt_err err)
{
    session_refuse(s, WIRE_REFUSAL_PAYLOAD_MALFORMED, rt_err_text(err));
}

static void reply_written(struct session *s, uint16_t type, const struct wire_writer *w)
{
    bool fits;
    size_t len = wire_writer_len(w, &fits);

    session_reply(s, type, relay_slice_view(w->start, (uint32_t)len));
}

/* -- relays -- */

static void on_relay_list(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    uint16_t max;
    rt_err err = wire_relay_list_request_decode(payload, len, &max);
    struct relay_list_request *q;

    (void)f;
    if (err != RT_ERR_OK) {
        refuse_payload(s, err);
        return;
    }
    q = relay_list_request_new(max, s->dialect);
    q->msg.reply_to = rt_actor_addr(&s->actor);
    rt_send(s->sw->worker, announcer_addr(s->sw->worker), &q->msg);
}

void session_on_relay_list_reply(struct session *s, struct relay_list_request *q)
{
    struct rt_msg *m = &q->msg;

    if (m->is_bounced)
        session_refuse(s, WIRE_REFUSAL_SHUTTING_DOWN, NULL);
    else if (q->refusal != WIRE_REFUSAL_NONE)
        session_refuse(s, q->refusal, NULL);
    else
        session_reply(s, WIRE_RELAY_LIST_RESPONSE, relay_slice_take(&q->reply));
    rt_msg_free(&m);
}

static void on_have_content(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    uint8_t id[32];
    rt_err err = wire_have_content_decode(payload, len, id);

    (void)f;
    if (err != RT_ERR_OK)
        refuse_payload(s, err);
    else
        session_reply_empty(s);
}

/* -- DHT and peer exchange: the dht actor replies with an encoded payload -- */

static void ask_dht(struct session *s, struct dht_request *a)
{
    struct sockaddr_storage from;

    rt_conn_peer(s->conn, &from);
    dht_hop_of(&from, s->peer_key, &a->origin);
    a->dialect = s->dialect;
    a->peer_dialects = s->peer_dialects;
    a->is_relay = s->is_relay;
    a->msg.reply_to = rt_actor_addr(&s->actor);
    rt_send(s->sw->worker, dht_addr(s->sw->worker), &a->msg);
}

static void on_pex_offer(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    rt_err err = wire_pex_offer_decode(payload, len, NULL, NULL);
    struct dht_request *a;

    if (err != RT_ERR_OK) {
        refuse_payload(s, err);
        return;
    }
    a = dht_request_new(DHT_PEX_OFFER);
    a->payload = rt_frame_take(f, payload, len);
    ask_dht(s, a);
}

static void on_pex_request(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    uint8_t max_peers;
    rt_err err = wire_pex_request_decode(payload, len, &max_peers);
    struct dht_request *a;

    (void)f;
    if (err != RT_ERR_OK) {
        refuse_payload(s, err);
        return;
    }
    a = dht_request_new(DHT_PEX_REQUEST);
    a->max_peers = max_peers;
    ask_dht(s, a);
}

/* For the requests whose payload is one key of len bytes. */
static void ask_for_key(struct session *s, rt_err err, enum dht_op op, const uint8_t *key,
                        size_t len)
{
    struct dht_request *a;

    if (err != RT_ERR_OK) {
        refuse_payload(s, err);
        return;
    }
    a = dht_request_new(op);
    memcpy(a->key, key, len);
    ask_dht(s, a);
}

static void on_find_node(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    uint8_t target[20];
    rt_err err = wire_find_node_decode(payload, len, target);

    (void)f;
    ask_for_key(s, err, DHT_FIND_NODE, target, sizeof(target));
}

static void on_find_value(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    uint8_t key[32];
    rt_err err = wire_find_value_decode(payload, len, key);

    (void)f;
    ask_for_key(s, err, DHT_FIND_VALUE, key, sizeof(key));
}

static void on_get_manifest(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    uint8_t id[32];
    rt_err err = wire_get_manifest_decode(payload, len, id);

    (void)f;
    ask_for_key(s, err, DHT_MANIFEST, id, sizeof(id));
}

static void on_store(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    struct wire_store store;
    rt_err err = wire_store_decode(payload, len, &store);
    struct relay_slice value;
    struct dht_request *a;

    if (err != RT_ERR_OK) {
        refuse_payload(s, err);
        return;
    }
    value = rt_frame_take(f, store.value.ptr, store.value.len);
    if (!value.owner) {
        session_refuse(s, WIRE_REFUSAL_MEMORY, NULL);
        return;
    }
    a = dht_request_new(DHT_STORE);
    memcpy(a->key, store.key, sizeof(store.key));
    a->ttl_secs = store.ttl_secs;
    a->payload = value;
    ask_dht(s, a);
}

/* -- communities: sent on to the DHT in the same way, in dialects B and C -- */

typedef rt_err browse_decode_fn(uint8_t *buf, size_t len, struct wire_browse_request *out);

static void browse(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len,
                   browse_decode_fn *decode, enum dht_op op)
{
    struct wire_browse_request q;
    rt_err err = decode(payload, len, &q);
    struct relay_slice taken;
    struct dht_request *a;

    if (err != RT_ERR_OK) {
        refuse_payload(s, err);
        return;
    }
    taken = rt_frame_take(f, payload, len);
    if (!taken.owner) {
        session_refuse(s, WIRE_REFUSAL_MEMORY, NULL);
        return;
    }
    a = dht_request_new(op);
    a->payload = taken;
    ask_dht(s, a);
}

static void on_members_page(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    browse(s, f, payload, len, wire_community_members_request_decode, DHT_COMMUNITY_MEMBERS);
}

static void on_shares_page(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    browse(s, f, payload, len, wire_community_shares_request_decode, DHT_COMMUNITY_SHARES);
}

static void on_search(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    browse(s, f, payload, len, wire_community_search_request_decode, DHT_COMMUNITY_SEARCH);
}

static void on_events(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    browse(s, f, payload, len, wire_community_events_request_decode, DHT_COMMUNITY_EVENTS);
}

static void reply_status(struct session *s, const uint8_t community_id[32], bool is_joined)
{
    uint8_t out[REPLY_MAX];
    struct wire_writer w;

    wire_writer_init(&w, out, sizeof(out));
    if (is_joined)
        wire_write_community_status_joined(&w, community_id);
    else
        wire_write_community_status_not_joined(&w, community_id);
    reply_written(s, WIRE_COMMUNITY_STATUS, &w);
}

/* The id must be the hash of the key. False: the request has been refused. */
static bool is_community(struct session *s, const struct wire_community_query *q, rt_err err)
{
    uint8_t id[32];

    if (err != RT_ERR_OK) {
        refuse_payload(s, err);
        return false;
    }
    rt_sha256(q->community_share_pubkey, 32, id);
    if (memcmp(id, q->community_share_id, sizeof(id)) != 0) {
        session_refuse(s, WIRE_REFUSAL_COMMUNITY_MISMATCH, NULL);
        return false;
    }
    return true;
}

/* Clients of dialects B and C browse a community only at peers that answered "joined". */
static void on_community_status(struct session *s, struct rt_frame *f, uint8_t *payload,
                                uint32_t len)
{
    struct wire_community_query q;
    rt_err err = wire_community_status_decode(payload, len, &q);

    (void)f;
    if (!is_community(s, &q, err))
        return;
    if (s->dialect == WIRE_DIALECT_A)
        reply_status(s, q.community_share_id, false);
    else
        ask_for_key(s, RT_ERR_OK, DHT_COMMUNITY_STATUS, q.community_share_id, 32);
}

static uint16_t reply_type(uint16_t asked)
{
    switch (asked) {
    case WIRE_GET_MANIFEST:
        return WIRE_MANIFEST_DATA;
    case WIRE_PEX_REQUEST:
        return WIRE_PEX_OFFER;
    case WIRE_LIST_COMMUNITY_MEMBERS_PAGE:
        return WIRE_COMMUNITY_MEMBERS_PAGE;
    case WIRE_LIST_COMMUNITY_SHARES_PAGE:
        return WIRE_COMMUNITY_SHARES_PAGE;
    case WIRE_SEARCH_COMMUNITY_SHARES:
        return WIRE_COMMUNITY_SEARCH_RESULTS;
    case WIRE_LIST_COMMUNITY_EVENTS:
        return WIRE_COMMUNITY_EVENTS;
    default:
        return asked;
    }
}

void session_on_dht_reply(struct session *s, struct dht_request *a)
{
    struct rt_msg *m = &a->msg;

    if (m->is_bounced)
        session_refuse(s, WIRE_REFUSAL_SHUTTING_DOWN, NULL);
    else if (a->refusal != WIRE_REFUSAL_NONE)
        session_refuse(s, a->refusal, NULL);
    else if (a->op == DHT_COMMUNITY_STATUS)
        reply_status(s, a->key, a->is_joined);
    else if (!a->reply.owner)
        session_reply_empty(s);
    else
        session_reply(s, reply_type(s->type), relay_slice_take(&a->reply));
    rt_msg_free(&m);
}

/* -- content, which a relay does not store -- */

static void on_public_shares(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    uint8_t out[REPLY_MAX];
    uint16_t max;
    struct wire_writer w;
    rt_err err = wire_list_public_shares_decode(payload, len, &max);

    (void)f;
    if (err != RT_ERR_OK) {
        refuse_payload(s, err);
        return;
    }
    wire_writer_init(&w, out, sizeof(out));
    wire_write_public_share_list_empty(&w);
    reply_written(s, WIRE_PUBLIC_SHARE_LIST, &w);
}

static void on_community_shares(struct session *s, struct rt_frame *f, uint8_t *payload,
                                uint32_t len)
{
    uint8_t out[REPLY_MAX];
    struct wire_community_query q;
    struct wire_writer w;
    rt_err err = wire_community_shares_decode(payload, len, &q);

    (void)f;
    if (!is_community(s, &q, err))
        return;
    wire_writer_init(&w, out, sizeof(out));
    wire_write_community_share_list_empty(&w, q.community_share_id);
    reply_written(s, WIRE_COMMUNITY_PUBLIC_SHARE_LIST, &w);
}

static void on_get_chunk(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    uint8_t id[32];
    uint32_t index;
    rt_err err = wire_get_chunk_decode(payload, len, id, &index);

    (void)f;
    if (err != RT_ERR_OK)
        refuse_payload(s, err);
    else
        session_refuse(s, WIRE_REFUSAL_CHUNK_NOT_FOUND, NULL);
}

static void on_get_chunk_hashes(struct session *s, struct rt_frame *f, uint8_t *payload,
                                uint32_t len)
{
    uint8_t id[32];
    rt_err err = wire_get_chunk_hashes_decode(payload, len, id);

    (void)f;
    if (err != RT_ERR_OK)
        refuse_payload(s, err);
    else
        session_refuse(s, WIRE_REFUSAL_CHUNK_HASHES_NOT_FOUND, NULL);
}

/* -- tunnels -- */

static void on_register(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    (void)f;
    session_on_register(s, payload, len);
}

static void on_connect(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    (void)f;
    session_on_connect(s, payload, len);
}

/* X(type, rate class, handler). Other types get `unsupported message type`, and so do types of
 * RATE_COMMUNITY in dialect A. A peer over the rate of a class is refused requests of that class.
 */
#define ROUTES(X)                                                                                  \
    X(PEX_OFFER, RATE_DHT, on_pex_offer)                                                           \
    X(PEX_REQUEST, RATE_DHT, on_pex_request)                                                       \
    X(FIND_NODE, RATE_DHT, on_find_node)                                                           \
    X(FIND_VALUE, RATE_DHT, on_find_value)                                                         \
    X(STORE, RATE_DHT, on_store)                                                                   \
    X(GET_MANIFEST, RATE_FETCH, on_get_manifest)                                                   \
    X(LIST_PUBLIC_SHARES, RATE_FETCH, on_public_shares)                                            \
    X(GET_COMMUNITY_STATUS, RATE_FETCH, on_community_status)                                       \
    X(LIST_COMMUNITY_PUBLIC_SHARES, RATE_FETCH, on_community_shares)                               \
    X(LIST_COMMUNITY_MEMBERS_PAGE, RATE_COMMUNITY, on_members_page)                                \
    X(LIST_COMMUNITY_SHARES_PAGE, RATE_COMMUNITY, on_shares_page)                                  \
    X(SEARCH_COMMUNITY_SHARES, RATE_COMMUNITY, on_search)                                          \
    X(LIST_COMMUNITY_EVENTS, RATE_COMMUNITY, on_events)                                            \
    X(RELAY_REGISTER, RATE_RELAY, on_register)                                                     \
    X(RELAY_CONNECT, RATE_RELAY, on_connect)                                                       \
    X(RELAY_STREAM, RATE_RELAY, session_on_stream)                                                 \
    X(RELAY_LIST_REQUEST, RATE_RELAY, on_relay_list)                                               \
    X(HAVE_CONTENT, RATE_FETCH, on_have_content)                                                   \
    X(GET_CHUNK, RATE_FETCH, on_get_chunk)                                                         \
    X(GET_CHUNK_HASHES, RATE_FETCH, on_get_chunk_hashes)

struct route {
    enum rate rate;
    handler_fn *handler;
};

static bool route_of(uint16_t type, struct route *out)
{
    switch (type) {
#define X(name, rate, fn)                                                                          \
    case WIRE_##name:                                                                              \
        *out = (struct route){rate, fn};                                                           \
        return true;
        ROUTES(X)
#undef X
    default:
        return false;
    }
}

static bool is_supported(const struct session *s, uint16_t type, struct route *out)
{
    return route_of(type, out) && (out->rate != RATE_COMMUNITY || s->dialect != WIRE_DIALECT_A);
}

static enum wire_refusal charge(struct session *s, enum rate rate)
{
    struct session_shared *shared = s->sw->shared;
    uint64_t now = rt_now_ns(s->sw->worker);
    const void *key = &s->peer_hash;
    size_t len = sizeof(s->peer_hash);

    switch (rate) {
    case RATE_DHT:
        return rt_rate_sketch_take(&shared->rate_dht, key, len, now) ? WIRE_REFUSAL_NONE
                                                                     : WIRE_REFUSAL_RATE_DHT;
    case RATE_FETCH:
        return rt_rate_sketch_take(&shared->rate_fetch, key, len, now) ? WIRE_REFUSAL_NONE
                                                                       : WIRE_REFUSAL_RATE_FETCH;
    case RATE_COMMUNITY:
        return rt_rate_sketch_take(&shared->rate_community, key, len, now)
                   ? WIRE_REFUSAL_NONE
                   : WIRE_REFUSAL_RATE_COMMUNITY;
    case RATE_RELAY:
        return rt_rate_sketch_take(&shared->rate_relay, key, len, now) ? WIRE_REFUSAL_NONE
                                                                       : WIRE_REFUSAL_RATE_RELAY;
    }
    return WIRE_REFUSAL_NONE;
}

void session_dispatch(struct session *s, struct rt_frame *f)
{
    struct wire_envelope e;
    rt_err err = wire_envelope_decode(f->ptr, f->len, &e);
    struct route route;
    enum wire_refusal r;

    if (err != RT_ERR_OK) {
        session_drop(s, WIRE_REFUSAL_ENVELOPE_MALFORMED, rt_err_text(err));
        return;
    }
    s->type = e.type;
    s->req_id = e.req_id;
    if (s->sw->is_draining) {
        session_refuse(s, WIRE_REFUSAL_SHUTTING_DOWN, NULL);
    } else if (!is_supported(s, e.type, &route)) {
        session_refuse(s, WIRE_REFUSAL_UNSUPPORTED_TYPE, NULL);
    } else {
        r = charge(s, route.rate);
        if (r != WIRE_REFUSAL_NONE)
            session_refuse(s, r, NULL);
        else
            route.handler(s, f, e.payload.ptr, e.payload.len);
    }
}
