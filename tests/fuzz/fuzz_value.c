/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Values of the DHT. For a manifest, also the bytes that its signature and its id cover. For a
 * member record, also that decoding the token changes nothing. For other tagged values, also their
 * rules.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz/groups.h"
#include "wire_community.h"
#include "wire_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_manifest(uint8_t *buf, size_t len)
{
    struct wire_manifest m;
    if (wire_manifest_decode(buf, len, &m) != RT_ERR_OK)
        return;
    size_t cap = WIRE_MANIFEST_ENCODED_MAX(len);
    uint8_t *scratch = malloc(cap);
    uint8_t id[2][32];
    struct wire_writer w;
    RT_INSIST(scratch != NULL);
    wire_writer_init(&w, scratch, cap);
    wire_write_manifest_signed(&w, &m);
    RT_INSIST(w.pos <= cap);
    RT_INSIST(wire_manifest_id(&m, scratch, cap, id[0]) == RT_ERR_OK);
    RT_INSIST(wire_manifest_decode(buf, len, &m) == RT_ERR_OK);
    RT_INSIST(wire_manifest_id(&m, scratch, cap, id[1]) == RT_ERR_OK);
    RT_INSIST(memcmp(id[0], id[1], 32) == 0);
    (void)wire_manifest_is_consistent(&m);
    free(scratch);
}

static void try_member_record(uint8_t *buf, size_t len)
{
    struct wire_member_record x;
    uint8_t *before = malloc(len);
    RT_INSIST(before != NULL);
    if (wire_member_record_decode(buf, len, &x) == RT_ERR_OK) {
        memcpy(before, buf, len);
        bool is_valid = wire_member_record_is_valid(&x);
        RT_INSIST(is_valid || x.auth_token.ptr != NULL);
        RT_INSIST(memcmp(before, buf, len) == 0);
    }
    free(before);
}

static void try_page(uint8_t *buf, size_t len, bool has_members)
{
    struct wire_community_page x;
    struct wire_reader r;
    rt_err err = has_members ? wire_members_page_decode(buf, len, &x)
                             : wire_shares_page_decode(buf, len, &x);
    if (err != RT_ERR_OK || len >= 65536)
        return;
    uint32_t count = 0;
    for (struct wire_seq s = wire_list_open(&x.entries, &r); wire_seq_next(&r, &s); count++) {
        struct wire_member_entry member;
        struct wire_share_entry share;
        if (has_members)
            wire_read_member_entry(&r, &member);
        else
            wire_read_share_entry(&r, &share);
    }
    RT_INSIST(r.err == RT_ERR_OK && count == x.entries.count);
    RT_INSIST(wire_community_page_is_valid(&x) == (x.page_no < x.total_pages));
}

static void try_hint(uint8_t *buf, size_t len)
{
    struct wire_community_hint x;
    if (wire_community_hint_decode(buf, len, &x) == RT_ERR_OK && wire_community_hint_is_valid(&x))
        RT_INSIST(x.sample_members.count <= WIRE_HINT_MEMBERS_MAX);
}

static void try_rules(enum wire_value_kind kind, uint8_t *buf, size_t len)
{
    switch (kind) {
    case WIRE_VALUE_MANIFEST:
        if (len < 65536)
            try_manifest(buf, len);
        break;
    case WIRE_VALUE_MEMBER_RECORD:
        try_member_record(buf, len);
        break;
    case WIRE_VALUE_COMMUNITY_HINT:
        try_hint(buf, len);
        break;
    case WIRE_VALUE_MEMBERS_PAGE:
    case WIRE_VALUE_SHARES_PAGE:
        try_page(buf, len, kind == WIRE_VALUE_MEMBERS_PAGE);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    RT_INSIST(copy != NULL);
    memcpy(copy, data, size);
    enum wire_value_kind kind = wire_value_kind(copy, size);
    RT_INSIST(memcmp(copy, data, size) == 0);
    try_rules(kind, copy, size);
    free(copy);
    fuzz_group_run("value", data, size);
    return 0;
}
