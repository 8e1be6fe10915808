/* SPDX-License-Identifier: MPL-2.0 */
/* Private to schemas: code shared by tagged values and community replies. */
#ifndef WIRE_TAGGED_H
#define WIRE_TAGGED_H

#include "wire_cbor.h"
#include "wire_value.h"

extern const char *const wire_member_status_names[2]; /* by enum wire_member_status */

/* Opens a reader after the tag byte. No byte: TRUNCATED; the tag of another kind: MALFORMED. */
static inline void wire_tagged_open(struct wire_reader *r, uint8_t *buf, size_t len,
                                    enum wire_value_kind kind)
{
    wire_reader_init(r, buf, len);
    if (len == 0)
        wire_reader_fail(r, RT_ERR_TRUNCATED);
    else if (*r->pos++ != WIRE_VALUE_TAG_FIRST + (kind - WIRE_VALUE_MEMBER_RECORD))
        wire_reader_fail(r, RT_ERR_MALFORMED);
}

static inline void wire_write_tag(struct wire_writer *w, enum wire_value_kind kind)
{
    uint8_t tag = (uint8_t)(WIRE_VALUE_TAG_FIRST + (kind - WIRE_VALUE_MEMBER_RECORD));
    wire_write_raw(w, &tag, 1);
}

/* Pairs of a map. */
static inline void wire_write_id_pair(struct wire_writer *w, const char *key, const uint8_t id[32])
{
    wire_write_key(w, key);
    wire_write_int_array(w, id, 32);
}

static inline void wire_write_uint_pair(struct wire_writer *w, const char *key, uint64_t v)
{
    wire_write_key(w, key);
    wire_write_uint(w, v);
}

/* Omitted when ptr is NULL. */
static inline void wire_write_optional_text_pair(struct wire_writer *w, const char *key,
                                                 struct wire_bytes text)
{
    if (text.ptr == NULL)
        return;
    wire_write_key(w, key);
    wire_write_text(w, (const char *)text.ptr, text.len);
}

/* How many of the two optional texts are present. */
static inline uint32_t wire_count_texts(struct wire_bytes a, struct wire_bytes b)
{
    return (a.ptr != NULL ? 1u : 0u) + (b.ptr != NULL ? 1u : 0u);
}

#endif
