/* SPDX-License-Identifier: MPL-2.0 */
#include "parse.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

static bool fail(struct cfg_fault *fault, const char *text)
{
    snprintf(fault->text, sizeof(fault->text), "%s", text);
    return false;
}

/* Leading digits of text; false when there are none. Overflow saturates. */
static bool take_digits(const char **text, uint64_t *out)
{
    const char *p = *text;
    uint64_t v = 0;

    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');

        v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
    }
    if (p == *text)
        return false;
    *text = p;
    *out = v;
    return true;
}

bool cfg_parse_number(const struct cfg_row *row, const char *text, uint64_t *out,
                      struct cfg_fault *fault)
{
    const char *p = text;
    uint64_t v;

    if (!take_digits(&p, &v) || *p != '\0') {
        snprintf(fault->text, sizeof(fault->text),
                 "is not a whole number: give %" PRIu64 " to %" PRIu64 " %s", row->min, row->max,
                 row->unit);
        return false;
    }
    if (v < row->min || v > row->max) {
        snprintf(fault->text, sizeof(fault->text),
                 "is out of range: give %" PRIu64 " to %" PRIu64 " %s", row->min, row->max,
                 row->unit);
        return false;
    }
    *out = v;
    return true;
}

static bool byte_unit(const char *suffix, unsigned *out_shift)
{
    static const struct {
        const char *word;
        unsigned shift;
    } units[] = {
        {"", 0},     {"B", 0},  {"K", 10},   {"KiB", 10}, {"M", 20},
        {"MiB", 20}, {"G", 30}, {"GiB", 30}, {"T", 40},   {"TiB", 40},
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcasecmp(suffix, units[i].word) == 0) {
            *out_shift = units[i].shift;
            return true;
        }
    }
    return false;
}

bool cfg_parse_bytes(const struct cfg_row *row, const char *text, uint64_t *out,
                     struct cfg_fault *fault)
{
    const char *p = text;
    unsigned shift = 0;
    uint64_t v;

    if (!take_digits(&p, &v) || !byte_unit(p, &shift))
        return fail(fault, "is not a size: give bytes, or a number with KiB, MiB or GiB, "
                           "such as 512MiB");
    v = v > UINT64_MAX >> shift ? UINT64_MAX : v << shift;
    if (v < row->min || v > row->max) {
        snprintf(fault->text, sizeof(fault->text),
                 "is out of range: give %" PRIu64 "MiB to %" PRIu64 "GiB", row->min >> 20,
                 row->max >> 30);
        return false;
    }
    *out = v;
    return true;
}

struct choice {
    enum cfg_key key;
    const char *word;
    int value;
};

static const struct choice choices[] = {
    {CFG_KEY_QUIC_RETRY, "auto", CFG_RETRY_AUTO},
    {CFG_KEY_QUIC_RETRY, "always", CFG_RETRY_ALWAYS},
    {CFG_KEY_BANDWIDTH_CLASS, "low", CFG_BANDWIDTH_LOW},
    {CFG_KEY_BANDWIDTH_CLASS, "medium", CFG_BANDWIDTH_MEDIUM},
    {CFG_KEY_BANDWIDTH_CLASS, "med", CFG_BANDWIDTH_MEDIUM},
    {CFG_KEY_BANDWIDTH_CLASS, "high", CFG_BANDWIDTH_HIGH},
    {CFG_KEY_LOG_LEVEL, "trace", RELAY_LOG_TRACE},
    {CFG_KEY_LOG_LEVEL, "debug", RELAY_LOG_DEBUG},
    {CFG_KEY_LOG_LEVEL, "info", RELAY_LOG_INFO},
    {CFG_KEY_LOG_LEVEL, "warn", RELAY_LOG_WARN},
    {CFG_KEY_LOG_LEVEL, "error", RELAY_LOG_ERROR},
    {CFG_KEY_LOG_FORMAT, "text", RT_LOG_TEXT},
    {CFG_KEY_LOG_FORMAT, "json", RT_LOG_JSON},
};

bool cfg_parse_choice(enum cfg_key key, const char *text, int *out, struct cfg_fault *fault)
{
    const char *sep = "";
    size_t used;

    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        if (choices[i].key == key && strcasecmp(choices[i].word, text) == 0) {
            *out = choices[i].value;
            return true;
        }
    }
    used = (size_t)snprintf(fault->text, sizeof(fault->text), "is not known: give one of ");
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        if (choices[i].key != key)
            continue;
        used += (size_t)snprintf(fault->text + used, sizeof(fault->text) - used, "%s%s", sep,
                                 choices[i].word);
        sep = ", ";
    }
    return false;
}
