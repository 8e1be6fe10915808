/* SPDX-License-Identifier: MPL-2.0 */
#include "desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "fault_vfs.h"

#define LONG_S 500000u

struct storage *desk_storage;

static uint64_t passed_ns = RT_S, per_write_ns;
static uint32_t writes; /* that passed_ns has in it */
static struct rt_system *sys;
static struct rt_worker *worker;
static struct storage_client client;
static struct rt_actor asker;
static struct rt_msg *answer;
static char lines[16384]; /* of the log, not yet asked for */

static uint64_t mono_ns(void *ctx)
{
    (void)ctx;
    passed_ns += (fault_vfs_count() - writes) * per_write_ns;
    writes = fault_vfs_count();
    return passed_ns;
}

void desk_slow_disk(uint64_t span_ns)
{
    writes = fault_vfs_count();
    per_write_ns = span_ns;
}

static uint64_t wall_ns(void *ctx)
{
    (void)ctx;
    return DESK_WALL_S * RT_S + passed_ns;
}

static void random_bytes(void *ctx, void *out, size_t len)
{
    (void)ctx;
    assert_int_equal(getrandom(out, len, 0), len);
}

const struct rt_seams desk_seams = {mono_ns, wall_ns, random_bytes, NULL};

static void on_reply(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    assert_null(answer);
    answer = m;
}

static void on_line(void)
{
    size_t used = strlen(lines);

    used += rt_log_ring_take(lines + used, sizeof(lines) - used - 1);
    lines[used] = '\0';
}

void desk_start(void)
{
    struct relay_error err = {""};

    if (storage_open(scratch_data, &desk_seams, &desk_storage, &err) != RT_ERR_OK)
        fail_msg("%s", err.text);
    client = storage_start(desk_storage, worker);
}

void desk_stop(void)
{
    storage_stop(desk_storage);
    storage_close(&desk_storage);
}

int desk_setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    lines[0] = '\0';
    passed_ns = RT_S;
    per_write_ns = 0;
    rt_log_ring_start(on_line);
    rt_budget_configure(UINT64_C(1) << 30);
    sys = rt_system_new(1, &desk_seams);
    worker = rt_system_worker(sys, 0);
    rt_actor_start(&asker, worker, on_reply);
    desk_start();
    return 0;
}

int desk_teardown(void **state)
{
    rt_actor_stop(&asker);
    if (desk_storage)
        desk_stop();
    rt_system_free(&sys);
    rt_log_ring_stop();
    assert_int_equal(rt_buf_live(), 0);
    return scratch_teardown(state);
}

void desk_turns(void)
{
    while (rt_worker_turn(worker))
        ;
}

void desk_sleep(uint64_t span_ns)
{
    uint64_t end_ns = passed_ns + span_ns;

    for (;;) {
        uint64_t next_ns;

        rt_worker_refresh_clock(worker);
        desk_turns();
        next_ns = rt_worker_next_timer(worker);
        if (next_ns > end_ns)
            break;
        passed_ns = next_ns > passed_ns ? next_ns : passed_ns + 1;
    }
    passed_ns = end_ns;
    rt_worker_refresh_clock(worker);
}

rt_err desk_flush(void)
{
    struct storage_flush *m = storage_flush_new();
    rt_err e;

    m->msg.reply_to = rt_actor_addr(&asker);
    rt_send(worker, client.addr, &m->msg);
    desk_turns();
    assert_non_null(answer);
    e = ((struct storage_flush *)answer)->result;
    rt_msg_free(&answer);
    return e;
}

/* -- rows -- */

void desk_key(uint32_t n, uint8_t out[32])
{
    uint8_t name[5] = {'k', (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

    rt_sha256(name, sizeof(name), out);
}

/* Every byte of a value tells which it is. */
static uint32_t value_bytes(uint32_t n, uint32_t g, uint8_t out[600])
{
    uint32_t len = 40 + (n * 7 + g * 13) % 560;

    for (uint32_t i = 8; i < len; i++)
        out[i] = (uint8_t)(n * 31 + g * 17 + i);
    memcpy(out, &n, 4);
    memcpy(out + 4, &g, 4);
    return len;
}

struct storage_write *desk_value_until(uint32_t n, uint32_t g, uint64_t expires_s)
{
    static const uint8_t no_sub[32];
    uint8_t key[32], bytes[600];
    struct relay_slice value = rt_slice_copy(bytes, value_bytes(n, g, bytes));

    assert_non_null(value.owner);
    desk_key(n, key);
    return storage_put_value_new(key, no_sub, value, expires_s, 0, n, UINT64_MAX - n);
}

struct storage_write *desk_value(uint32_t n, uint32_t g)
{
    return desk_value_until(n, g, DESK_WALL_S + LONG_S);
}

struct storage_write *desk_drop(uint32_t n)
{
    static const uint8_t no_sub[32];
    uint8_t key[32];

    desk_key(n, key);
    return storage_drop_value_new(key, no_sub);
}

bool desk_send(struct storage_write *w)
{
    return storage_send(&client, worker, w);
}

/* -- what is on disk -- */

static sqlite3 *look(const char *sql, sqlite3_stmt **out)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(scratch_path("relay.db"), &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, out, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    return db;
}

int64_t desk_integer(const char *sql)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db = look(sql, &st);
    int code = sqlite3_step(st);
    int64_t v = code == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;

    assert_true(code == SQLITE_ROW || code == SQLITE_DONE);
    sqlite3_finalize(st);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return v;
}

int64_t desk_rows(void)
{
    return desk_integer("SELECT count(*) FROM relay_values");
}

/* The form of the current row of st, after a check of every byte. */
static uint32_t check_row(sqlite3_stmt *st, uint32_t *out_n)
{
    uint8_t key[32], expect[600];
    const uint8_t *value = sqlite3_column_blob(st, 1);
    uint32_t n, g, len = (uint32_t)sqlite3_column_bytes(st, 1);

    assert_true(len >= 40 && sqlite3_column_bytes(st, 0) == 32);
    memcpy(&n, value, 4);
    memcpy(&g, value + 4, 4);
    desk_key(n, key);
    assert_memory_equal(key, sqlite3_column_blob(st, 0), 32);
    assert_int_equal(value_bytes(n, g, expect), len);
    memcpy(expect, value, 8);
    assert_memory_equal(expect, value, len);
    assert_int_equal(sqlite3_column_int64(st, 2), n);
    assert_int_equal(sqlite3_column_int64(st, 3), UINT64_MAX - n);
    *out_n = n;
    return g;
}

int64_t desk_form(uint32_t n)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db =
        look("SELECT key, value, origin_peer, origin_net FROM relay_values WHERE key = ?1", &st);
    uint32_t found = n;
    uint8_t key[32];
    int64_t g = -1;

    desk_key(n, key);
    sqlite3_bind_blob(st, 1, key, 32, SQLITE_STATIC);
    if (sqlite3_step(st) == SQLITE_ROW)
        g = check_row(st, &found);
    assert_int_equal(found, n);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return g;
}

uint32_t desk_check_rows(void)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db = look("SELECT key, value, origin_peer, origin_net FROM relay_values", &st);
    uint32_t rows = 0, n;

    for (; sqlite3_step(st) == SQLITE_ROW; rows++)
        (void)check_row(st, &n);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return rows;
}

/* -- the log -- */

uint32_t desk_logged(const char *words)
{
    uint32_t count = 0;
    char *line = lines;

    while (*line) {
        char *end = strchr(line, '\n');

        RT_INSIST(end);
        *end = '\0';
        if (strstr(line, words)) {
            count++;
            memmove(line, end + 1, strlen(end + 1) + 1);
        } else {
            *end = '\n';
            line = end + 1;
        }
    }
    return count;
}
