/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A dialect is the protocol version and the number of signed capability fields that a peer uses
 * (protocol: Three dialects). Every peer verifies signatures over its own re-encoding, so a hello
 * or an announcement is valid in one form only.
 *
 *     A   crates up to 0.3.2   version 1, 5 capability fields
 *     B   crate 0.4.0          version 1, 8 capability fields
 *     C   crates since 0.5.0   version 2, 8 capability fields
 */
#ifndef WIRE_DIALECT_H
#define WIRE_DIALECT_H

#include <stdbool.h>
#include <stdint.h>

#include "wire_value.h"

enum wire_dialect {
    WIRE_DIALECT_A,
    WIRE_DIALECT_B,
    WIRE_DIALECT_C,
    WIRE_DIALECTS, /* their number */
};

/* A set of dialects is a mask of these bits. */
#define WIRE_DIALECT_BIT(d) ((uint8_t)(1u << (d)))
#define WIRE_DIALECTS_ALL ((uint8_t)((1u << WIRE_DIALECTS) - 1))

/* protocol_version of the dialect's hellos. */
uint16_t wire_dialect_version(enum wire_dialect d);
/* True: capabilities of the dialect have 8 fields; else 5. */
bool wire_dialect_has_community_fields(enum wire_dialect d);
/* "A", "B" or "C". */
const char *wire_dialect_name(enum wire_dialect d);

/* The dialect of a ClientHello. A version above 2 is answered as C, so that a newer client learns
 * our version. False: version 0, and version 2 with 5 fields, belong to no dialect. */
bool wire_dialect_of(uint16_t version, bool has_community_fields, enum wire_dialect *out);

/* The dialects whose nodes accept a STORE of this kind. For announcements the signed form counts.
 */
uint8_t wire_value_dialects(enum wire_value_kind kind, bool has_community_fields);

#endif
