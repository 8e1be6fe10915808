/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The pure part of logging, private to runtime/base: one line from its parts, and the ring's
 * producer side.
 */
#ifndef RT_LOG_FORMAT_H
#define RT_LOG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

struct rt_log_parts {
    enum relay_log_level level;
    uint64_t wall_ns;
    const char *msg;
    const char *fields; /* key=value pairs, formatted; may be empty */
    bool is_fields_cut; /* they did not fit where they were formatted */
};

/*
 * Writes one line of at most RT_LOG_LINE_MAX bytes, '\n' included, and returns its length. Control
 * characters never reach the line; JSON is always one whole object of valid UTF-8. What does not
 * fit is cut: the text ends with "...", the object with "cut":true.
 */
size_t rt_log_format_line(const struct rt_log_parts *parts, enum rt_log_format format,
                          char out[RT_LOG_LINE_MAX]);

/* Adds a line. False: the ring is not in use. A full ring counts the line and is true. */
bool rt_log_ring_put(const char *line, size_t len);

#endif
