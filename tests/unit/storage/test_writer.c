/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: asynchronous writes, in virtual time.
 *  - Timing: before LIM_STORAGE_BATCH_NS nothing is on disk; then all rows are, in one transaction.
 *    LIM_STORAGE_BATCH_ROWS or _BYTES do not wait, and more are several transactions. A mark waits
 *    only LIM_STORAGE_MARK_NS. Flush and stop write all waiting rows.
 *  - Coalescing: a row written a thousand times is written once, in its last form. A value put and
 *    dropped is not written.
 *  - The log, grown during a read transaction, is truncated to LIM_STORAGE_LOG_BYTES.
 *  - All kinds are in their tables, in the types that the published relay reads, and are read
 *    through storage_each_* and storage_pins. Invalid rows are skipped and kept; an invalid event
 *    counts as none.
 *  - A peer's dialects are written and removed with the peer. After the published relay has written
 *    or removed a peer, there are none, and their rows are deleted.
 *  - Expired rows are removed in bounded steps and are not loaded. Past the queue's limit, writes
 *    are dropped, which is logged once a minute.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/budget.h"
#include "crypto/crypto.h"
#include "desk.h"
#include "storage/storage_limits.h"
#include "storage/storage_metrics.h"
#include "wire_limits.h"

#define GOOD "SELECT count(*) FROM relay_values WHERE expires_at > 1700000000 + 1000"

/* How far the counter moved since the last call. */
static uint64_t metric(const struct rt_metric *m)
{
    static struct {
        const struct rt_metric *metric;
        uint64_t value;
    } last[8];
    uint64_t now = rt_metric_get(m), before = 0;
    size_t i = 0;

    while (last[i].metric && last[i].metric != m)
        i++;
    assert_true(i < sizeof last / sizeof last[0] - 1);
    before = last[i].value;
    last[i].metric = m;
    last[i].value = now;
    return now - before;
}

static void timing(void **state)
{
    (void)state;
    (void)metric(RT_METRIC_STORAGE_BATCHES);
    for (uint32_t n = 0; n < 100; n++)
        assert_true(desk_send(desk_value(n, 0)));
    desk_sleep(LIM_STORAGE_BATCH_NS - 20 * RT_MS);
    assert_int_equal(desk_rows(), 0);
    assert_true(desk_send(desk_value(100, 0)));
    desk_sleep(40 * RT_MS);
    assert_int_equal(desk_rows(), 101);
    assert_int_equal(metric(RT_METRIC_STORAGE_BATCHES), 1);
    desk_sleep(3600 * RT_S);
    assert_int_equal(metric(RT_METRIC_STORAGE_BATCHES), 0);
    assert_int_equal(desk_check_rows(), 101);
}

static void many_do_not_wait(void **state)
{
    uint32_t count = 2 * LIM_STORAGE_BATCH_ROWS + 10;

    (void)state;
    (void)metric(RT_METRIC_STORAGE_BATCHES);
    for (uint32_t n = 0; n < count; n++)
        assert_true(desk_send(desk_value(n, 0)));
    desk_sleep(40 * RT_MS);
    assert_int_equal(desk_rows(), 2 * LIM_STORAGE_BATCH_ROWS);
    assert_int_equal(metric(RT_METRIC_STORAGE_BATCHES), 2);
    desk_sleep(LIM_STORAGE_BATCH_NS);
    assert_int_equal(desk_check_rows(), count);
    assert_int_equal(metric(RT_METRIC_STORAGE_BATCHES), 1);
    assert_int_equal(desk_logged("WARN"), 0);
}

static void large_ones_do_not_wait(void **state)
{
    static uint8_t bytes[LIM_VALUE_MAX];
    uint32_t count = 2 * LIM_STORAGE_BATCH_BYTES / LIM_VALUE_MAX;

    (void)state;
    (void)metric(RT_METRIC_STORAGE_BATCHES);
    for (uint32_t n = 0; n < count; n++) {
        uint8_t key[32];

        desk_key(n, key);
        assert_true(desk_send(storage_put_value_new(key, key, rt_slice_copy(bytes, sizeof(bytes)),
                                                    DESK_WALL_S + 5000, 0, 0, 0)));
    }
    desk_sleep(40 * RT_MS);
    assert_int_equal(desk_rows(), count);
    assert_int_equal(metric(RT_METRIC_STORAGE_BATCHES), 2);
}

static void coalescing(void **state)
{
    (void)state;
    (void)metric(RT_METRIC_STORAGE_WRITTEN);
    (void)metric(RT_METRIC_STORAGE_COALESCED);
    for (uint32_t g = 0; g < 1000; g++)
        assert_true(desk_send(desk_value(7, g)));
    assert_true(desk_send(desk_value(8, 0)));
    assert_true(desk_send(desk_drop(8)));
    assert_true(desk_send(desk_drop(9)));
    assert_true(desk_send(desk_value(9, 3)));
    desk_sleep(RT_S);
    assert_int_equal(desk_form(7), 999);
    assert_int_equal(desk_form(8), -1);
    assert_int_equal(desk_form(9), 3);
    assert_int_equal(metric(RT_METRIC_STORAGE_WRITTEN), 3);
    assert_int_equal(metric(RT_METRIC_STORAGE_COALESCED), 1001);
    assert_true(desk_send(desk_value(9, 4)));
    assert_true(desk_send(desk_drop(7)));
    desk_sleep(RT_S);
    assert_int_equal(desk_form(9), 4);
    assert_int_equal(desk_rows(), 1);
    assert_int_equal(rt_metric_get(RT_METRIC_STORAGE_QUEUED), 0);
}

static void flush_and_stop(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < LIM_STORAGE_BATCH_ROWS - 1; n++)
        assert_true(desk_send(desk_value(n, 0)));
    assert_int_equal(desk_flush(), RT_ERR_OK);
    assert_int_equal(desk_rows(), LIM_STORAGE_BATCH_ROWS - 1);
    assert_true(desk_send(desk_value(LIM_STORAGE_BATCH_ROWS, 0)));
    desk_turns();
    desk_stop();
    assert_int_equal(desk_form(LIM_STORAGE_BATCH_ROWS), 0);
    desk_start();
}

static off_t log_size(void)
{
    struct stat st;

    assert_int_equal(stat(scratch_path("relay.db-wal"), &st), 0);
    return st.st_size;
}

/* A long read transaction of another connection: the log cannot be reset meanwhile. */
static void log_is_cut_back(void **state)
{
    sqlite3 *db = NULL;
    uint32_t n = 0;

    (void)state;
    assert_true(desk_send(desk_value(n++, 0)));
    desk_sleep(RT_S);
    assert_int_equal(sqlite3_open(scratch_path("relay.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT * FROM relay_values", NULL, NULL, NULL),
                     SQLITE_OK);
    while (log_size() < (off_t)LIM_STORAGE_LOG_BYTES + (1 << 20)) {
        for (uint32_t i = 0; i < LIM_STORAGE_BATCH_ROWS; i++)
            assert_true(desk_send(desk_value(n++, 0)));
        desk_sleep(RT_S);
    }
    sqlite3_close(db);
    for (int i = 0; i < 2; i++) {
        assert_true(desk_send(desk_value(n++, 0)));
        desk_sleep(RT_S);
    }
    assert_in_range(log_size(), 1, LIM_STORAGE_LOG_BYTES);
    assert_int_equal(desk_check_rows(), n);
    assert_int_equal(desk_logged("WARN"), 0);
}

/* -- what comes back -- */

struct found {
    uint32_t values, peers, pins, marks, records;
    struct storage_value value;
    char addr_key[64];
    uint8_t bytes[64];
    uint8_t dialects, last; /* of the last peer */
    uint64_t mark;
};

static void on_value(void *ctx, const struct storage_value *v)
{
    struct found *f = ctx;

    f->values++;
    f->value = *v;
}

static void on_peer(void *ctx, const struct storage_peer *p)
{
    struct found *f = ctx;

    f->peers++;
    assert_int_equal(p->len, 3);
    memcpy(f->bytes, p->payload, p->len);
    strncpy(f->addr_key, p->addr_key, sizeof(f->addr_key) - 1);
    f->dialects = p->dialects;
    f->last = p->last;
}

static void on_pins(void *ctx, uint8_t *payload, size_t len)
{
    struct found *f = ctx;

    f->pins++;
    assert_int_equal(len, 2);
    memcpy(f->bytes + 8, payload, len);
}

static struct found load(void)
{
    struct relay_error err = {""};
    struct found f = {0};

    desk_turns();
    desk_stop();
    desk_start();
    assert_int_equal(storage_each_value(desk_storage, on_value, &f, &err), RT_ERR_OK);
    assert_int_equal(storage_each_peer(desk_storage, on_peer, &f, &err), RT_ERR_OK);
    assert_int_equal(storage_pins(desk_storage, on_pins, &f, &err), RT_ERR_OK);
    return f;
}

static void all_kinds(void **state)
{
    struct found f = load();

    (void)state;
    assert_true(f.values == 0 && f.peers == 0 && f.pins == 0);
    assert_true(desk_send(desk_value(5, 1)));
    assert_true(
        desk_send(storage_put_peer_new("192.0.2.1:7001:Tcp", rt_slice_copy("abc", 3), 7, 2)));
    assert_true(
        desk_send(storage_put_peer_new("2001:db8::1:7000:Quic", rt_slice_copy("def", 3), 1, 0)));
    assert_true(desk_send(storage_put_pins_new(rt_slice_copy("gh", 2))));
    f = load();
    assert_true(f.values == 1 && f.peers == 2 && f.pins == 1);
    assert_int_equal(f.value.expires_s, DESK_WALL_S + 500000);
    assert_int_equal(f.value.origin_peer, 5);
    assert_int_equal(f.value.origin_net, UINT64_MAX - 5);
    assert_memory_equal(f.bytes + 8, "gh", 2);
    assert_int_equal(desk_integer("SELECT count(*) FROM peers WHERE typeof(addr_key) = 'text' AND"
                                  " typeof(payload) = 'blob'"),
                     2);
    assert_true(desk_send(storage_drop_peer_new("192.0.2.1:7001:Tcp")));
    assert_true(
        desk_send(storage_put_peer_new("2001:db8::1:7000:Quic", rt_slice_copy("xyz", 3), 6, 1)));
    assert_true(desk_send(storage_put_pins_new(rt_slice_copy("ij", 2))));
    f = load();
    assert_true(f.values == 1 && f.peers == 1 && f.pins == 1);
    assert_string_equal(f.addr_key, "2001:db8::1:7000:Quic");
    assert_memory_equal(f.bytes, "xyz", 3);
    assert_true(f.dialects == 6 && f.last == 1);
    assert_int_equal(desk_integer("SELECT count(*) FROM relay_peer_dialects"), 1);
    assert_memory_equal(f.bytes + 8, "ij", 2);
    assert_int_equal(desk_integer("SELECT count(*) FROM metadata"), 2);
}

/* -- marks of communities, identity records, dialects -- */

static void on_mark(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s)
{
    struct found *f = ctx;

    f->marks++;
    f->mark = mark;
    assert_true(community_id[0] == 7 && expires_s > DESK_WALL_S);
}

static void on_record(void *ctx, const uint8_t key[32], uint8_t *value, size_t len)
{
    struct found *f = ctx;

    f->records++;
    assert_int_equal(key[0], 8);
    assert_int_equal(len, 2);
    memcpy(f->bytes, value, len);
}

static struct found load_more(void)
{
    struct relay_error err = {""};
    struct found f = load();

    assert_int_equal(storage_each_mark(desk_storage, on_mark, &f, &err), RT_ERR_OK);
    assert_int_equal(storage_each_identity_record(desk_storage, on_record, &f, &err), RT_ERR_OK);
    return f;
}

static void marks_and_events(void **state)
{
    static const uint8_t id[32] = {7}, old[32] = {9}, none[32];
    struct found f;

    (void)state;
    assert_true(desk_send(
        storage_put_value_new(id, none, rt_slice_copy("v", 1), DESK_WALL_S + 5000, 1025, 0, 0)));
    desk_turns();
    assert_int_equal(desk_rows(), 0);
    assert_true(desk_send(storage_put_mark_new(id, 2048, DESK_WALL_S + 5000)));
    desk_sleep(LIM_STORAGE_MARK_NS - RT_MS);
    assert_int_equal(desk_rows(), 0);
    desk_sleep(5 * RT_MS);
    assert_int_equal(desk_rows(), 1); /* the mark's transaction writes other rows, too */
    assert_int_equal(desk_integer("SELECT mark FROM relay_communities"), 2048);
    assert_true(desk_send(storage_put_mark_new(id, 3072, DESK_WALL_S + 5000)));
    assert_true(desk_send(storage_put_mark_new(old, 1, DESK_WALL_S - 1)));
    f = load_more();
    assert_true(f.marks == 1 && f.mark == 3072);
    assert_int_equal(f.value.event, 1025);
    desk_sleep(700 * RT_S); /* the expired one is removed with the next write */
    assert_true(desk_send(desk_value(5, 1)));
    desk_sleep(RT_S);
    assert_int_equal(desk_integer("SELECT count(*) FROM relay_communities"), 1);
}

static void identity_records(void **state)
{
    static const uint8_t key[32] = {8};
    struct found f;

    (void)state;
    assert_true(desk_send(storage_put_identity_record_new(key, rt_slice_copy("ab", 2))));
    assert_true(desk_send(storage_put_identity_record_new(key, rt_slice_copy("cd", 2))));
    f = load_more();
    assert_int_equal(f.records, 1);
    assert_memory_equal(f.bytes, "cd", 2);
    assert_true(desk_send(storage_drop_identity_record_new(key)));
    assert_int_equal(load_more().records, 0);
}

/* Dialects of a peer that the published relay wrote or removed. */
static void dialects_of_foreign_rows(void **state)
{
    struct found f;

    (void)state;
    desk_stop();
    scratch_sql("INSERT INTO peers VALUES('192.0.2.1:7001:Tcp', x'010203');"
                "INSERT INTO relay_peer_dialects VALUES('192.0.2.9:7001:Tcp', 7, 2)");
    desk_start();
    f = load();
    assert_true(f.peers == 1 && f.dialects == 0 && f.last == 0);
    for (int i = 0; i < 3; i++) {
        static const char *const odd[] = {"3, 2", "'text', 1", "4096, 12"};
        char sql[128];

        snprintf(sql, sizeof(sql),
                 "INSERT OR REPLACE INTO relay_peer_dialects VALUES('192.0.2.1:7001:Tcp', %s)",
                 odd[i]);
        desk_stop();
        scratch_sql(sql);
        desk_start();
        f = load();
        assert_true(f.peers == 1 && f.dialects == 0 && f.last == 0);
    }
    assert_true(desk_send(desk_value(5, 1)));
    desk_sleep(RT_S);
    assert_int_equal(desk_integer("SELECT count(*) FROM relay_peer_dialects"), 1);
}

static void odd_rows(void **state)
{
    struct found f;

    (void)state;
    assert_true(desk_send(desk_value(5, 1)));
    assert_int_equal(desk_flush(), RT_ERR_OK);
    desk_stop();
    scratch_sql("INSERT INTO relay_values VALUES(x'01', zeroblob(32), x'02', 1800000000, 0, 0, 0),"
                "(zeroblob(32), 'text', x'02', 1800000000, 0, 0, 0),"
                "(zeroblob(32), zeroblob(32), 17, 1800000000, 0, 0, 0),"
                "(randomblob(32), zeroblob(32), zeroblob(65537), 1800000000, 0, 0, 0);"
                "INSERT INTO peers VALUES('a', 'text'), ('b', zeroblob(4097)), (x'63', x'00'),"
                "('a name that is longer than any address and port and transport could be', x'')");
    desk_start();
    f = load();
    assert_int_equal(f.values, 1);
    assert_int_equal(f.peers, 0);
    assert_int_equal(desk_logged("table=relay_values rows=4"), 1);
    assert_int_equal(desk_logged("table=peers rows=4"), 1);
    assert_int_equal(desk_rows(), 5);
    assert_int_equal(desk_integer("SELECT count(*) FROM peers"), 4);
}

static void odd_rows_of_communities(void **state)
{
    struct found f;

    (void)state;
    desk_stop();
    scratch_sql("INSERT INTO relay_values VALUES(zeroblob(32), zeroblob(32), x'02', 1800000000, 0,"
                " 0, -1);"
                "INSERT INTO relay_communities VALUES(x'01', 5, 1800000000),"
                "('text', 5, 1800000000), (17, 5, 1800000000), (zeroblob(32), -1, 1800000000);"
                "INSERT INTO relay_identity_records VALUES(x'01', x'02'), ('text', x'02'),"
                "(zeroblob(32), 'text'), (randomblob(32), zeroblob(65537))");
    desk_start();
    f = load_more();
    assert_int_equal(f.value.event, 0);
    assert_int_equal(f.marks, 0);
    assert_int_equal(f.records, 0);
    assert_int_equal(desk_logged("table=relay_communities rows=4"), 1);
    assert_int_equal(desk_logged("table=relay_identity_records rows=4"), 1);
    desk_stop();
    scratch_sql(
        "DELETE FROM relay_communities; DELETE FROM relay_identity_records;"
        "UPDATE relay_values SET event = 'text';"
        "INSERT INTO relay_values VALUES(randomblob(32), zeroblob(32), x'02', 'text', 0, 0, 0);"
        "INSERT INTO relay_communities VALUES(zeroblob(32), 'text', 'text'),"
        "(randomblob(32), 5, 'text'), (randomblob(32), 'text', 1800000000);"
        "INSERT INTO relay_identity_records VALUES(zeroblob(32), x'')");
    desk_start();
    f = load_more();
    assert_int_equal(f.value.event, 0);
    assert_int_equal(f.marks, 0);
    assert_int_equal(f.records, 0);
}

static void expired_rows(void **state)
{
    struct found f;

    (void)state;
    for (uint32_t n = 0; n < LIM_STORAGE_SWEEP_ROWS + 10; n++)
        assert_true(desk_send(desk_value_until(n, 0, DESK_WALL_S + 900)));
    assert_true(desk_send(desk_value(100000, 0)));
    desk_sleep(RT_S);
    assert_int_equal(desk_rows(), LIM_STORAGE_SWEEP_ROWS + 11);
    desk_sleep(800 * RT_S);
    assert_int_equal(load().values, LIM_STORAGE_SWEEP_ROWS + 11);
    desk_sleep(200 * RT_S);
    f = load();
    assert_int_equal(f.values, 1);
    assert_int_equal(f.value.origin_peer, 100000);
    assert_int_equal(desk_rows(), LIM_STORAGE_SWEEP_ROWS + 11);
    /* They go along with what is written, a bounded number at a time. */
    assert_true(desk_send(desk_value(100001, 0)));
    desk_sleep(RT_S);
    assert_int_equal(desk_rows(), 12);
    assert_true(desk_send(desk_value(100002, 0)));
    desk_sleep(RT_S);
    assert_int_equal(desk_rows(), 3);
    assert_int_equal(desk_integer(GOOD), 3);
}

static void past_the_limit(void **state)
{
    (void)state;
    (void)metric(RT_METRIC_STORAGE_DROPPED);
    for (uint32_t n = 0; n < LIM_STORAGE_QUEUED; n++)
        assert_true(desk_send(desk_drop(n)));
    assert_false(desk_send(desk_value(1, 0)));
    assert_false(desk_send(desk_value(2, 0)));
    desk_sleep(5 * RT_S);
    assert_int_equal(metric(RT_METRIC_STORAGE_DROPPED), 2);
    assert_int_equal(desk_logged("writes of state were dropped dropped=2"), 1);
    assert_int_equal(desk_logged("WARN"), 0);
    assert_true(desk_send(desk_value(3, 0)));
    desk_sleep(RT_S);
    assert_int_equal(desk_rows(), 1);
    assert_int_equal(desk_form(3), 0);
    /* Again, soon after: one line a minute. */
    for (int i = 0; i < 2; i++) {
        for (uint32_t n = 0; n < LIM_STORAGE_QUEUED; n++)
            assert_true(desk_send(desk_drop(n)));
        assert_false(desk_send(desk_value(1, 0)));
        desk_sleep(10 * RT_S);
        assert_int_equal(desk_logged("writes of state were dropped"), 0);
    }
    desk_sleep(60 * RT_S);
    assert_true(desk_send(desk_value(3, 0)));
    desk_sleep(RT_S);
    assert_int_equal(desk_logged("writes of state were dropped dropped=2"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, desk_setup, desk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timing),
        TEST(many_do_not_wait),
        TEST(large_ones_do_not_wait),
        TEST(coalescing),
        TEST(flush_and_stop),
        TEST(log_is_cut_back),
        TEST(all_kinds),
        TEST(odd_rows),
        TEST(odd_rows_of_communities),
        TEST(expired_rows),
        TEST(past_the_limit),
        TEST(marks_and_events),
        TEST(identity_records),
        TEST(dialects_of_foreign_rows),
    };

    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("storage writer", tests, NULL, NULL);
}
