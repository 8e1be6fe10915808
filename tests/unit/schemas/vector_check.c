/* SPDX-License-Identifier: MPL-2.0 */
#include "unit/schemas/vector_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/schemas/codec.h"

uint8_t out[VECTOR_OUT_BYTES];

struct wire_writer start(void)
{
    struct wire_writer w;
    wire_writer_init(&w, out, sizeof out);
    return w;
}

/* A route inside a route is checked and not kept: such a peer, which the lists called "all" hold,
 * is not written as it came. */
static bool has_nested_route(const struct vector *v)
{
    size_t len = strlen(v->name);
    return strcmp(v->name, "via_via") == 0 || (len >= 3 && strcmp(v->name + len - 3, "all") == 0);
}

void assert_bytes(const struct vector *v, const uint8_t *got, size_t got_len, const uint8_t *want,
                  size_t want_len)
{
    if (got_len != want_len || memcmp(got, want, want_len) != 0)
        fail_msg("%s %s: %zu bytes instead of %zu, or different ones", v->kind, v->name, got_len,
                 want_len);
}

void assert_written(const struct vector *v, const struct wire_writer *w)
{
    if (has_nested_route(v))
        return;
    assert_bytes(v, w->start, w->pos, v->bytes, v->len);
}

void assert_field(const struct vector *v, const struct wire_writer *w, const char *key)
{
    size_t len;
    uint8_t *want = vector_bytes(v, key, &len);
    assert_bytes(v, w->start, w->pos, want, len);
    free(want);
}

void assert_recodes(const struct vector *v, const char *codec)
{
    uint8_t *got;
    size_t len;
    if (codec_recode(codec_by_name(codec), v->bytes, v->len, &got, &len) != RT_ERR_OK)
        fail_msg("%s %s: refused", v->kind, v->name);
    if (!has_nested_route(v))
        assert_bytes(v, got, len, v->bytes, v->len);
    free(got);
}

struct wire_capabilities capabilities_of(const struct vector *v)
{
    struct wire_capabilities c = {
        .dht = vector_bool(v, "dht"),
        .store = vector_bool(v, "store"),
        .relay = vector_bool(v, "relay"),
        .content_seed = vector_bool(v, "content_seed"),
        .mobile_light = vector_bool(v, "mobile_light"),
        .has_community_fields = vector_has(v, "community_search"),
    };
    if (c.has_community_fields) {
        c.community_paged_browse = vector_bool(v, "community_paged_browse");
        c.community_search = vector_bool(v, "community_search");
        c.community_delta_sync = vector_bool(v, "community_delta_sync");
    }
    return c;
}

/* Decodes the peers of list `key`; writing them again is checked through the message. */
size_t peers_of(const struct vector *v, const char *key, struct wire_peer peers[PEERS_MAX])
{
    size_t count = vector_u64(v, key), len;
    assert_true(count <= PEERS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct wire_reader r;
        uint8_t *bytes = vector_bytes(v, vector_element(key, i), &len);
        wire_reader_init(&r, bytes, len);
        wire_read_peer(&r, &peers[i]);
        assert_int_equal(r.err, RT_ERR_OK);
        assert_int_equal(peers[i].raw.len, len);
        free(bytes);
        peers[i].raw = (struct wire_bytes){0};
    }
    return count;
}
