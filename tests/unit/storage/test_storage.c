/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: kept: a fresh directory gets an identity and a slot secret, which are the same at the next
 * start. Named secrets also, by name and length. A database of the published relay keeps its
 * identity and its rows, and gets our tables. The schema of a new database is the one that the
 * published relay expects.
 *
 * Refused, in one sentence, without a change of the file: garbage, a dangling link, an empty file,
 * a file cut at every 512 bytes, overwritten pages, a node_key that is invalid, missing or
 * protected by a passphrase, tables of another schema, a later version, a log without its database.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "scratch.h"

/* As the published relay makes them; the seed is 00 01 .. 1f. */
#define REFERENCE_TABLES                                                                           \
    "CREATE TABLE peers (addr_key TEXT PRIMARY KEY, payload BLOB NOT NULL);"                       \
    "CREATE TABLE subscriptions (share_id BLOB PRIMARY KEY, share_pubkey BLOB,"                    \
    " latest_seq INTEGER NOT NULL, latest_manifest_id BLOB,"                                       \
    " trust_level TEXT NOT NULL DEFAULT 'normal');"                                                \
    "CREATE TABLE metadata (key TEXT PRIMARY KEY, payload BLOB NOT NULL);"
#define REFERENCE_KEY                                                                              \
    "INSERT INTO metadata VALUES('node_key', x'982000010203040506070809"                           \
    "0a0b0c0d0e0f101112131415161718181819181a181b181c181d181e181f');"
#define REFERENCE_ROWS                                                                             \
    "INSERT INTO metadata VALUES('schema_version', x'02000000');"                                  \
    "INSERT INTO metadata VALUES('pinned_bootstrap_keys', x'a0');"                                 \
    "INSERT INTO peers VALUES('192.0.2.1:7001:Tcp', x'a0');"

/* The first column of the first row, as text. */
static void ask(const char *sql, char *out, size_t cap)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;

    assert_int_equal(sqlite3_open(scratch_path("relay.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    snprintf(out, cap, "%s", (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static void assert_answer(const char *sql, const char *expect)
{
    char got[256];

    ask(sql, got, sizeof(got));
    assert_string_equal(got, expect);
}

static void fresh_and_again(void **state)
{
    struct storage *s = scratch_open();
    uint8_t public_key[32], slot[32];

    (void)state;
    assert_true(storage_identity_is_new(s));
    memcpy(public_key, storage_identity(s)->public_key, 32);
    memcpy(slot, storage_slot_secret(s), 32);
    storage_close(&s);
    assert_null(s);
    for (int i = 0; i < 3; i++) {
        s = scratch_open();
        assert_false(storage_identity_is_new(s));
        assert_memory_equal(storage_identity(s)->public_key, public_key, 32);
        assert_memory_equal(storage_slot_secret(s), slot, 32);
        storage_close(&s);
    }
}

static void two_relays_differ(void **state)
{
    struct storage *a = scratch_open(), *b = NULL;
    struct relay_error err;
    char other[96];

    (void)state;
    snprintf(other, sizeof(other), "%s/other", scratch_dir);
    assert_int_equal(storage_open(other, &scratch_seams, &b, &err), RT_ERR_OK);
    assert_memory_not_equal(storage_identity(a)->public_key, storage_identity(b)->public_key, 32);
    assert_memory_not_equal(storage_slot_secret(a), storage_slot_secret(b), 32);
    storage_close(&a);
    storage_close(&b);
}

static void secrets(void **state)
{
    struct storage *s = scratch_open();
    uint8_t a[64], b[64], again[64];
    struct relay_error err = {""};

    (void)state;
    assert_int_equal(storage_secret(s, "plugin:a", a, 64, &err), RT_ERR_OK);
    assert_int_equal(storage_secret(s, "plugin:b", b, 16, &err), RT_ERR_OK);
    assert_memory_not_equal(a, b, 16);
    assert_int_equal(storage_secret(s, "plugin:a", again, 64, &err), RT_ERR_OK);
    assert_memory_equal(a, again, 64);
    storage_close(&s);

    s = scratch_open();
    assert_int_equal(storage_secret(s, "plugin:a", again, 64, &err), RT_ERR_OK);
    assert_memory_equal(a, again, 64);
    memset(again, 7, sizeof(again));
    assert_int_equal(storage_secret(s, "plugin:a", again, 63, &err), RT_ERR_MISMATCH);
    assert_non_null(strstr(err.text, "plugin:a"));
    assert_int_equal(again[0], 7);
    assert_int_equal(storage_secret(s, "plugin:b", again, 16, &err), RT_ERR_OK);
    assert_memory_equal(b, again, 16);
    storage_close(&s);
}

static void shape_is_the_published_relays(void **state)
{
    struct storage *s = scratch_open();

    (void)state;
    storage_close(&s);
    assert_answer("SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || pk)"
                  " FROM pragma_table_info('metadata')",
                  "key TEXT 0 1,payload BLOB 1 0");
    assert_answer("SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || pk)"
                  " FROM pragma_table_info('peers')",
                  "addr_key TEXT 0 1,payload BLOB 1 0");
    assert_answer("SELECT group_concat(key) FROM metadata", "node_key");
    assert_answer("SELECT typeof(payload) FROM metadata", "blob");
    assert_answer("SELECT hex(substr(payload, 1, 2)) FROM metadata", "9820");
    assert_answer("PRAGMA user_version", "3");
    assert_answer("PRAGMA journal_mode", "wal");
}

static void reference_database(void **state)
{
    struct storage *s;
    char before[256];
    static const char all_rows[] = "SELECT group_concat(r) FROM (SELECT key || hex(payload) AS r"
                                   " FROM metadata UNION ALL SELECT addr_key || hex(payload)"
                                   " FROM peers ORDER BY r)";
    uint8_t seed[32], slot[32];
    struct rt_sign_key key;

    (void)state;
    for (uint8_t i = 0; i < 32; i++)
        seed[i] = i;
    rt_sign_key_from_seed(seed, &key);
    scratch_sql(REFERENCE_TABLES REFERENCE_KEY REFERENCE_ROWS);
    ask(all_rows, before, sizeof(before));
    s = scratch_open();
    assert_false(storage_identity_is_new(s));
    assert_memory_equal(storage_identity(s)->public_key, key.public_key, 32);
    memcpy(slot, storage_slot_secret(s), 32);
    storage_close(&s);
    assert_answer(all_rows, before);
    s = scratch_open();
    assert_memory_equal(storage_slot_secret(s), slot, 32);
    storage_close(&s);
    assert_answer("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", "8");
}

static void reference_database_without_identity(void **state)
{
    struct storage *s;

    (void)state;
    scratch_sql(REFERENCE_TABLES REFERENCE_ROWS);
    s = scratch_open();
    assert_true(storage_identity_is_new(s));
    storage_close(&s);
    assert_answer("SELECT count(*) FROM metadata WHERE key = 'pinned_bootstrap_keys'", "1");
}

/* Refused as damaged, and not a byte of the file has changed. */
static void assert_damaged(const char *word)
{
    size_t before_len, after_len;
    uint8_t *before = scratch_read(&before_len), *after;

    scratch_refused(RT_ERR_CORRUPT, (const char *[]){"relay.db", word, NULL});
    after = scratch_read(&after_len);
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, before_len);
    free(before);
    free(after);
}

static void garbage(void **state)
{
    uint8_t noise[8192];

    (void)state;
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(i * 31 + 7);
    scratch_write(noise, sizeof(noise));
    assert_damaged("move it away to start with a new identity");
    scratch_write("hello", 5);
    assert_damaged("restore it from a backup");
    scratch_write("", 0);
    assert_damaged("is empty");
}

static void truncated(void **state)
{
    struct storage *s = scratch_open();
    uint8_t *whole;
    size_t len;

    (void)state;
    storage_close(&s);
    whole = scratch_read(&len);
    for (size_t n = 512; n < len; n += 512) {
        scratch_write(whole, n);
        assert_damaged("damaged");
    }
    scratch_write(whole, len);
    s = scratch_open();
    storage_close(&s);
    free(whole);
}

static void overwritten_pages(void **state)
{
    struct storage *s = scratch_open();
    uint8_t *whole;
    size_t len;

    (void)state;
    storage_close(&s);
    whole = scratch_read(&len);
    assert_true(len > 2 * 4096);
    for (size_t page = 0; page < len / 4096; page++) {
        uint8_t *bad = malloc(len);

        memcpy(bad, whole, len);
        memset(bad + page * 4096 + 100 * (page == 0), 0xa5, 512);
        scratch_write(bad, len);
        free(bad);
        assert_damaged("damaged");
    }
    free(whole);
}

static void wrong_node_key(void **state)
{
    static const char *const keys[] = {
        "x''",
        "x'80'",
        "x'981f'",
        "x'5820'",
        "x'f6'",
        "'text'",
        "zeroblob(4000)",
        "(SELECT payload || x'00' FROM metadata WHERE key = 'was')",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char sql[512];

        snprintf(sql, sizeof(sql),
                 "DROP TABLE IF EXISTS metadata; DROP TABLE IF EXISTS peers;"
                 "DROP TABLE IF EXISTS subscriptions;" REFERENCE_TABLES);
        scratch_sql(sql);
        scratch_sql(REFERENCE_KEY "UPDATE metadata SET key = 'was' WHERE key = 'node_key';");
        snprintf(sql, sizeof(sql), "INSERT INTO metadata VALUES('node_key', %s)", keys[i]);
        scratch_sql(sql);
        scratch_refused(RT_ERR_CORRUPT, (const char *[]){"relay.db", "node_key", NULL});
        scratch_refused(RT_ERR_CORRUPT, (const char *[]){"relay.db", "node_key", NULL});
    }
}

static void lost_or_locked_node_key(void **state)
{
    struct storage *s = scratch_open();

    (void)state;
    storage_close(&s);
    scratch_sql("DELETE FROM metadata WHERE key = 'node_key'");
    scratch_refused(RT_ERR_CORRUPT, (const char *[]){"node_key is missing", NULL});
    scratch_sql("INSERT INTO metadata VALUES('encrypted_node_key', x'a0')");
    scratch_refused(RT_ERR_CORRUPT, (const char *[]){"passphrase", NULL});
}

static void tables_of_another_shape(void **state)
{
    (void)state;
    scratch_sql("CREATE TABLE metadata (name TEXT)");
    scratch_refused(RT_ERR_CORRUPT, (const char *[]){"no such column", NULL});
}

static void later_version(void **state)
{
    struct storage *s = scratch_open();

    (void)state;
    storage_close(&s);
    scratch_sql("PRAGMA user_version = 4");
    scratch_refused(RT_ERR_BAD_VERSION, (const char *[]){"version 4", "newer relay", NULL});
}

static void log_without_database(void **state)
{
    struct storage *s = scratch_open();

    (void)state;
    storage_close(&s);
    assert_int_equal(unlink(scratch_path("relay.db")), 0);
    assert_int_equal(mkdir(scratch_path("relay.db-wal"), 0700), 0);
    scratch_refused(RT_ERR_CORRUPT, (const char *[]){"relay.db-wal", "put relay.db back", NULL});
    assert_int_equal(rmdir(scratch_path("relay.db-wal")), 0);
    s = scratch_open();
    assert_true(storage_identity_is_new(s));
    storage_close(&s);
}

/* As when the volume that the link leads to is not mounted. */
static void link_to_nothing(void **state)
{
    struct storage *s = scratch_open();
    char target[96];

    (void)state;
    storage_close(&s);
    snprintf(target, sizeof(target), "%s/elsewhere.db", scratch_dir);
    assert_int_equal(rename(scratch_path("relay.db"), target), 0);
    assert_int_equal(symlink(target, scratch_path("relay.db")), 0);
    s = scratch_open();
    assert_false(storage_identity_is_new(s));
    storage_close(&s);
    assert_int_equal(unlink(target), 0);
    scratch_refused(RT_ERR_CORRUPT, (const char *[]){"is a link", "not there", NULL});
}

static void held_by_another_program(void **state)
{
    struct storage *s = scratch_open();
    sqlite3 *db = NULL;

    (void)state;
    storage_close(&s);
    assert_int_equal(sqlite3_open(scratch_path("relay.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE", 0, 0, 0),
                     SQLITE_OK);
    scratch_refused(RT_ERR_REFUSED, (const char *[]){"another program", NULL});
    sqlite3_close(db);
    s = scratch_open();
    storage_close(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fresh_and_again),
        TEST(two_relays_differ),
        TEST(secrets),
        TEST(shape_is_the_published_relays),
        TEST(reference_database),
        TEST(reference_database_without_identity),
        TEST(garbage),
        TEST(truncated),
        TEST(overwritten_pages),
        TEST(wrong_node_key),
        TEST(lost_or_locked_node_key),
        TEST(tables_of_another_shape),
        TEST(later_version),
        TEST(log_without_database),
        TEST(link_to_nothing),
        TEST(held_by_another_program),
    };

    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
