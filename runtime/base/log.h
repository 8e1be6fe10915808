/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Logging that never blocks a worker: lines are formatted on the caller's stack into a bounded
 * ring, one writer thread (runtime/host/log_writer) drains it; a full ring drops the line and
 * counts it. Without a writer (tests, before start) lines go straight to stderr.
 *
 * Text form:  2026-03-04T10:20:30.123Z INFO  relay node ready pubkey=... version=...
 * JSON form:  {"ts":"...","level":"info","msg":"...", "pubkey":"...", ...}
 * The message is plain words; facts follow as key=value fields.
 */
#ifndef RT_LOG_H
#define RT_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/relay_transport.h" /* enum relay_log_level */
#include "base/err.h"

enum rt_log_format { RT_LOG_TEXT, RT_LOG_JSON };

#define RT_LOG_LINE_MAX 1024u /* bytes of one formatted line; longer ones are cut and marked */

/* Sets what is written; call before threads start. */
void rt_log_configure(enum relay_log_level level, enum rt_log_format format);

/* The clock of the lines' times, ns since 1970; NULL, the default: the OS clock. Before threads. */
void rt_log_set_clock(uint64_t (*wall_ns)(void *ctx), void *ctx);

bool rt_log_enabled(enum relay_log_level level);

/*
 * Writes one line. fields: NULL, or a printf format of space-separated key=value pairs; a value
 * with spaces is quoted by the caller with \"...\". Any thread.
 *     rt_log(RELAY_LOG_INFO, "relay node ready", "pubkey=%s version=%s", hex, version);
 */
void rt_log(enum relay_log_level level, const char *msg, const char *fields, ...) RT_PRINTF(3, 4);

/*
 * A per-site limit for lines that peers can cause: true at most `burst` times per second; the
 * lines withheld are counted in RT_METRIC_LOG_LIMITED, and in *site for the caller to mention.
 */
struct rt_log_site {
    _Atomic uint64_t window_s;
    _Atomic uint32_t used, withheld;
};
bool rt_log_allowed(struct rt_log_site *site, uint32_t burst, uint64_t now_ns);

/* The ring's consumer side, for the writer: copies out the next line (with '\n'), or returns 0. */
size_t rt_log_ring_take(char *out, size_t cap);
/* Switches from direct stderr to the ring; notify is called (any thread) after a line was added. */
void rt_log_ring_start(void (*notify)(void));
void rt_log_ring_stop(void);

#endif
