/* SPDX-License-Identifier: MPL-2.0 */
#include "base/log_format.h"

#include <stdio.h>
#include <string.h>

#include "base/seams.h"

#define TEXT_TAIL "...\n"
#define JSON_TAIL ",\"cut\":true}\n"
#define TAIL_MAX (sizeof "\"" JSON_TAIL - 1) /* kept free: the open quote and the tail */

/* Appends whole pieces until one does not fit; from then on nothing. `at` may stand one past `end`,
 * where a quote was closed. */
struct cursor {
    char *at, *end;
    bool is_cut;
};

static void put(struct cursor *c, const char *bytes, size_t n)
{
    if (c->is_cut || c->at > c->end || (size_t)(c->end - c->at) < n) {
        c->is_cut = true;
        return;
    }
    memcpy(c->at, bytes, n);
    c->at += n;
}

static void put_str(struct cursor *c, const char *s)
{
    put(c, s, strlen(s));
}

/* Into the room that `end` keeps free; always fits. */
static void put_tail(struct cursor *c, const char *s)
{
    size_t n = strlen(s);

    memcpy(c->at, s, n);
    c->at += n;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static void put_time(struct cursor *c, uint64_t wall_ns)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t secs = wall_ns / RT_S;
    unsigned ms = (unsigned)(wall_ns % RT_S / RT_MS);
    unsigned day = (unsigned)(secs / 86400), in_day = (unsigned)(secs % 86400);
    unsigned year = 1970, month = 0;
    char text[64];
    int n;

    for (; day >= (is_leap(year) ? 366u : 365u); year++)
        day -= is_leap(year) ? 366 : 365;
    for (;; month++) {
        unsigned days = month_days[month] + (month == 1 && is_leap(year));

        if (day < days)
            break;
        day -= days;
    }
    n = snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month + 1, day + 1,
                 in_day / 3600, in_day / 60 % 60, in_day % 60, ms);
    put(c, text, (size_t)n);
}

/* Length of the valid UTF-8 sequence at p (of `left` bytes), or 0. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
    uint32_t code;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
        return 0;
    code = p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    if ((n == 3 && code < 0x800) || (n == 4 && (code < 0x10000 || code > 0x10ffff)) ||
        (code >= 0xd800 && code < 0xe000))
        return 0;
    return n;
}

static void put_json(struct cursor *c, const char *s, size_t len)
{
    for (size_t i = 0; i < len && !c->is_cut;) {
        uint8_t byte = (uint8_t)s[i];
        size_t n = utf8_len((const uint8_t *)s + i, len - i);
        char escape[8];

        if (n == 0) {
            put_str(c, "\\ufffd");
            n = 1;
        } else if (byte == '"' || byte == '\\') {
            put(c, (char[]){'\\', (char)byte}, 2);
        } else if (byte < 0x20 || byte == 0x7f) {
            snprintf(escape, sizeof escape, "\\u%04x", byte);
            put_str(c, escape);
        } else {
            put(c, s + i, n);
        }
        i += n;
    }
}

static void put_plain(struct cursor *c, const char *s)
{
    for (; *s && !c->is_cut; s++) {
        uint8_t byte = (uint8_t)*s;
        char escape[8];

        if (byte < 0x20 || byte == 0x7f) {
            snprintf(escape, sizeof escape, "\\x%02x", byte);
            put_str(c, escape);
        } else {
            put(c, s, 1);
        }
    }
}

/* A member whose value may end early; a key that does not fit is left out whole. */
static void put_member(struct cursor *c, const char *key, size_t key_len, const char *value,
                       size_t value_len)
{
    char *mark = c->at;

    put_str(c, ",\"");
    put_json(c, key, key_len);
    put_str(c, "\":\"");
    if (c->is_cut) {
        c->at = mark;
        return;
    }
    put_json(c, value, value_len);
    put_tail(c, "\"");
}

/* Splits key=value pairs. A quoted value ends at a quote before a space or the end, so that a
 * stranger's quote inside it does not. */
static void put_fields(struct cursor *c, const char *fields)
{
    const char *p = fields;

    while (*p && !c->is_cut) {
        size_t key_len = strcspn(p, "= ");
        const char *value = p + key_len, *end;

        if (*value != '=') {
            if (key_len > 0)
                put_member(c, p, key_len, "", 0);
            p = value + strspn(value, " ");
            continue;
        }
        value++;
        if (*value == '"') {
            value++;
            for (end = value; *end; end++) {
                if (*end == '"' && (end[1] == ' ' || end[1] == '\0'))
                    break;
            }
            put_member(c, p, key_len, value, (size_t)(end - value));
            end += *end == '"';
        } else {
            end = value + strcspn(value, " ");
            put_member(c, p, key_len, value, (size_t)(end - value));
        }
        p = end + strspn(end, " ");
    }
}

static void format_text(struct cursor *c, const struct rt_log_parts *parts)
{
    static const char *const names[] = {" ERROR ", " WARN  ", " INFO  ", " DEBUG ", " TRACE "};

    put_time(c, parts->wall_ns);
    put_str(c, names[parts->level]);
    put_plain(c, parts->msg);
    if (parts->fields[0] != '\0') {
        put_str(c, " ");
        put_plain(c, parts->fields);
    }
    put_tail(c, c->is_cut || parts->is_fields_cut ? TEXT_TAIL : "\n");
}

static void format_json(struct cursor *c, const struct rt_log_parts *parts)
{
    static const char *const names[] = {"error", "warn", "info", "debug", "trace"};

    put_str(c, "{\"ts\":\"");
    put_time(c, parts->wall_ns);
    put_str(c, "\"");
    put_member(c, "level", 5, names[parts->level], strlen(names[parts->level]));
    put_member(c, "msg", 3, parts->msg, strlen(parts->msg));
    put_fields(c, parts->fields);
    put_tail(c, c->is_cut || parts->is_fields_cut ? JSON_TAIL : "}\n");
}

size_t rt_log_format_line(const struct rt_log_parts *parts, enum rt_log_format format,
                          char out[RT_LOG_LINE_MAX])
{
    struct cursor c = {.at = out, .end = out + RT_LOG_LINE_MAX - TAIL_MAX};

    if (format == RT_LOG_JSON)
        format_json(&c, parts);
    else
        format_text(&c, parts);
    return (size_t)(c.at - out);
}
