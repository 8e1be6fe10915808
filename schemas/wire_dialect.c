/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_dialect.h"

static const struct {
    uint16_t version;
    bool has_community_fields;
    const char *name;
} dialects[WIRE_DIALECTS] = {
    [WIRE_DIALECT_A] = {1, false, "A"},
    [WIRE_DIALECT_B] = {1, true, "B"},
    [WIRE_DIALECT_C] = {2, true, "C"},
};

uint16_t wire_dialect_version(enum wire_dialect d)
{
    return dialects[d].version;
}

bool wire_dialect_has_community_fields(enum wire_dialect d)
{
    return dialects[d].has_community_fields;
}

const char *wire_dialect_name(enum wire_dialect d)
{
    return dialects[d].name;
}

bool wire_dialect_of(uint16_t version, bool has_community_fields, enum wire_dialect *out)
{
    if (version > dialects[WIRE_DIALECT_C].version) {
        *out = WIRE_DIALECT_C;
        return true;
    }
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++) {
        if (dialects[d].version == version &&
            dialects[d].has_community_fields == has_community_fields) {
            *out = d;
            return true;
        }
    }
    return false;
}

uint8_t wire_value_dialects(enum wire_value_kind kind, bool has_community_fields)
{
    const uint8_t a = WIRE_DIALECT_BIT(WIRE_DIALECT_A), b = WIRE_DIALECT_BIT(WIRE_DIALECT_B),
                  c = WIRE_DIALECT_BIT(WIRE_DIALECT_C);

    switch (kind) {
    case WIRE_VALUE_SHARE_HEAD:
    case WIRE_VALUE_PROVIDERS:
    case WIRE_VALUE_MANIFEST:
        return a | b | c;
    case WIRE_VALUE_MEMBERS:
        return a;
    case WIRE_VALUE_ANNOUNCEMENT:
        return has_community_fields ? b | c : a;
    case WIRE_VALUE_MEMBER_RECORD:
    case WIRE_VALUE_SHARE_RECORD:
    case WIRE_VALUE_COMMUNITY_HINT:
    case WIRE_VALUE_MEMBERS_PAGE:
    case WIRE_VALUE_SHARES_PAGE:
        return b | c;
    case WIRE_VALUE_ROTATION:
    case WIRE_VALUE_REVOCATION:
        return c;
    case WIRE_VALUE_NONE:
        break;
    }
    return 0;
}
