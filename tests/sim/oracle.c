/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "oracle.h"

#define SALT UINT64_C(0x5a17000000000000)

void sim_oracle_init(struct sim_oracle *o, struct sim_world *w)
{
    *o = (struct sim_oracle){.world = w};
}

void sim_oracle_fini(struct sim_oracle *o)
{
    for (uint32_t i = 0; i < o->count; i++)
        free(o->asks[i]);
    free(o->asks);
    *o = (struct sim_oracle){0};
}

/* Bytes that follow from a number and a position; fast, for a MiB at a time. */
static void pattern_fill(uint64_t number, uint8_t *out, size_t len)
{
    uint64_t v = sim_mix(number);
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        v = v * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(out + i, &v, 8);
    }
    for (; i < len; i++)
        out[i] = (uint8_t)(v >> (i & 7));
}

static bool pattern_matches(uint64_t number, const uint8_t *in, size_t len)
{
    uint8_t *want = malloc(len + 1);
    bool is_equal;

    RT_INSIST(want != NULL);
    pattern_fill(number, want, len);
    is_equal = memcmp(want, in, len) == 0;
    free(want);
    return is_equal;
}

struct sim_ask *sim_oracle_ask(struct sim_oracle *o, const struct sim_identity *node,
                               uint32_t requester, uint32_t ask_len, uint32_t reply_len)
{
    struct sim_ask *a = sim_alloc(sizeof(*a));

    RT_REQUIRE(ask_len >= SIM_ASK_HEAD && reply_len >= SIM_REPLY_HEAD);
    if (o->count == o->room) {
        o->room = o->room ? o->room * 2 : 64;
        o->asks = realloc(o->asks, o->room * sizeof(*o->asks));
        RT_INSIST(o->asks != NULL);
    }
    a->number = SALT | o->count;
    a->node = node;
    a->requester = requester;
    a->ask_len = ask_len;
    a->reply_len = reply_len;
    a->inner_req_id = (uint32_t)sim_prng_below(sim_prng(o->world), 4); /* not unique, as in life */
    a->asked_ns = sim_now(o->world);
    o->asks[o->count++] = a;
    return a;
}

uint8_t *sim_oracle_ask_bytes(const struct sim_ask *a)
{
    uint8_t *p = malloc(a->ask_len);

    RT_INSIST(p != NULL);
    memcpy(p, &a->number, 8);
    memcpy(p + 8, &a->reply_len, 4);
    pattern_fill(a->number, p + SIM_ASK_HEAD, a->ask_len - SIM_ASK_HEAD);
    return p;
}

static struct sim_ask *find(struct sim_oracle *o, const uint8_t *payload, uint32_t len)
{
    uint64_t number;

    if (len < sizeof(number))
        return NULL;
    memcpy(&number, payload, sizeof(number));
    if ((number ^ SALT) >= o->count)
        return NULL;
    return o->asks[number ^ SALT];
}

/* Whole and canonical: the head is exactly what our own encoder writes for the same values. came:
 * the frame's first bytes as they were before decoding, which may move what is not canonical. */
static bool is_canonical(const uint8_t came[WIRE_ENVELOPE_HEAD_MAX], uint32_t len,
                         const struct wire_envelope *e)
{
    uint8_t head[WIRE_ENVELOPE_HEAD_MAX];
    size_t n = wire_envelope_bare_head(head, e->type, e->req_id, e->flags, e->payload.len);

    return len == n + e->payload.len && memcmp(came, head, n) == 0;
}

struct sim_ask *sim_oracle_seen(struct sim_oracle *o, const struct sim_identity *node,
                                uint8_t *frame, uint32_t len)
{
    struct sim_world *w = o->world;
    uint8_t came[WIRE_ENVELOPE_HEAD_MAX] = {0};
    struct wire_envelope e;
    struct sim_ask *a;

    memcpy(came, frame, len < sizeof(came) ? len : sizeof(came));
    if (wire_envelope_decode(frame, len, &e) != RT_ERR_OK)
        sim_fail(w, "a node got a frame that does not decode, %u bytes", len);
    a = find(o, e.payload.ptr, e.payload.len);
    if (!a)
        sim_fail(w, "a node got a request that no requester made");
    if (a->node != node)
        sim_fail(w, "request %llx came to another node", (unsigned long long)a->number);
    if (a->seen_ns)
        sim_fail(w, "request %llx came to its node twice", (unsigned long long)a->number);
    if (!is_canonical(came, len, &e))
        sim_fail(w, "request %llx is not canonical", (unsigned long long)a->number);
    if (e.type != SIM_INNER_TYPE || e.req_id != a->inner_req_id || e.payload.len != a->ask_len ||
        !pattern_matches(a->number, e.payload.ptr + SIM_ASK_HEAD, a->ask_len - SIM_ASK_HEAD))
        sim_fail(w, "request %llx is not as it was sent", (unsigned long long)a->number);
    a->seen_ns = sim_now(w);
    o->seen++;
    return a;
}

uint8_t *sim_oracle_reply(struct sim_oracle *o, struct sim_ask *a, uint32_t *out_len)
{
    uint8_t *p = malloc(WIRE_ENVELOPE_HEAD_MAX + (size_t)a->reply_len);
    size_t n;

    RT_INSIST(p != NULL);
    n = wire_envelope_bare_head(p, SIM_INNER_ANSWER_TYPE, a->inner_req_id, WIRE_FLAG_RESPONSE,
                                a->reply_len);
    memcpy(p + n, &a->number, SIM_REPLY_HEAD);
    pattern_fill(~a->number, p + n + SIM_REPLY_HEAD, a->reply_len - SIM_REPLY_HEAD);
    a->replied_ns = sim_now(o->world);
    o->replied++;
    *out_len = (uint32_t)n + a->reply_len;
    return p;
}

static void finish(struct sim_oracle *o, struct sim_ask *a)
{
    if (a->done_ns)
        sim_fail(o->world, "request %llx was answered twice", (unsigned long long)a->number);
    if (a->is_withdrawn)
        sim_fail(o->world, "request %llx was answered after its requester had left",
                 (unsigned long long)a->number);
    a->done_ns = sim_now(o->world);
    o->done++;
}

void sim_oracle_refused(struct sim_oracle *o, struct sim_ask *a)
{
    finish(o, a);
}

void sim_oracle_done(struct sim_oracle *o, struct sim_ask *a, uint8_t *frame, uint32_t len)
{
    struct sim_world *w = o->world;
    struct wire_envelope e;

    finish(o, a);
    if (wire_envelope_decode(frame, len, &e) != RT_ERR_OK)
        sim_fail(w, "the answer to %llx does not decode", (unsigned long long)a->number);
    if (find(o, e.payload.ptr, e.payload.len) != a)
        sim_fail(w, "the answer to %llx is another's", (unsigned long long)a->number);
    if (!a->replied_ns)
        sim_fail(w, "no node gave the answer to %llx", (unsigned long long)a->number);
    if (e.type != SIM_INNER_ANSWER_TYPE || e.flags != WIRE_FLAG_RESPONSE ||
        e.req_id != a->inner_req_id || e.payload.len != a->reply_len ||
        !pattern_matches(~a->number, e.payload.ptr + SIM_REPLY_HEAD, a->reply_len - SIM_REPLY_HEAD))
        sim_fail(w, "the answer to %llx is not as its node sent it", (unsigned long long)a->number);
}
