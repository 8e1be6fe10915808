/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: databases of every earlier version. Versions 1 and 2 are as their relays made them, with
 * and without rows, after a clean shutdown or with all changes still in the log.
 * Version 0 is the published relay's, as first made and after both relays have used it. Each opens
 * with the same identity, secrets and rows. It then has the version and exactly the tables of a new
 * database, apart from the published relay's tables, and opens again. A migration that fails at any
 * write or sync leaves an intact database of the old or the new version. The next start succeeds.
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
#include <unistd.h>

#include "crypto/crypto.h"
#include "fault_vfs.h"
#include "scratch.h"
#include "storage/migrate.h"

#define SEED                                                                                       \
    "x'982000010203040506070809"                                                                   \
    "0a0b0c0d0e0f101112131415161718181819181a181b181c181d181e181f'"

/* Version 1, as it was released. */
#define VERSION_1                                                                                  \
    "PRAGMA journal_mode = WAL; BEGIN;"                                                            \
    "CREATE TABLE IF NOT EXISTS metadata (\n    key TEXT PRIMARY KEY,\n    payload BLOB NOT "      \
    "NULL\n);"                                                                                     \
    "CREATE TABLE IF NOT EXISTS peers (\n    addr_key TEXT PRIMARY KEY,\n    payload BLOB NOT "    \
    "NULL\n);"                                                                                     \
    "CREATE TABLE IF NOT EXISTS relay_secrets (\n    name TEXT PRIMARY KEY,\n    value BLOB NOT "  \
    "NULL\n);"                                                                                     \
    "PRAGMA user_version = 1;"                                                                     \
    "INSERT INTO metadata VALUES('node_key', " SEED ");"                                           \
    "INSERT INTO relay_secrets VALUES('relay:slot', x'505152535455565758595a5b5c5d5e5f"            \
    "606162636465666768696a6b6c6d6e6f');"                                                          \
    "COMMIT;"
/* Version 2, as it was released: version 1 and one more table. */
#define VERSION_2                                                                                  \
    VERSION_1 "BEGIN;"                                                                             \
              "CREATE TABLE IF NOT EXISTS relay_values (\n    key BLOB NOT NULL,\n"                \
              "    sub BLOB NOT NULL,\n    value BLOB NOT NULL,\n"                                 \
              "    expires_at INTEGER NOT NULL,\n    origin_peer INTEGER NOT NULL,\n"              \
              "    origin_net INTEGER NOT NULL,\n    PRIMARY KEY (key, sub)\n);"                   \
              "CREATE INDEX IF NOT EXISTS relay_values_by_expiry ON relay_values (expires_at);"    \
              "PRAGMA user_version = 2; COMMIT;"
#define VERSION_2_ROWS                                                                             \
    VERSION_1_ROWS "INSERT INTO relay_values VALUES(x'00', x'01', x'02', 3, 4, 5),"                \
                   "(x'06', x'07', x'08', 9, 10, 11);"
#define VALUES                                                                                     \
    "SELECT group_concat(hex(key) || hex(sub) || hex(value) || expires_at || ' ' || origin_peer"   \
    " || ' ' || origin_net || ' ' || event, ', ') FROM relay_values"
#define VERSION_1_ROWS                                                                             \
    "INSERT INTO relay_secrets VALUES('dht', x'000102030405060708090a0b0c0d0e0f');"                \
    "INSERT INTO peers VALUES('192.0.2.1:7001:Tcp', x'a0'), ('2001:db8::1:7000:Quic', x'a0');"     \
    "INSERT INTO metadata VALUES('pinned_bootstrap_keys', x'a0');"

/* Version 0: the published relay's. */
#define VERSION_0                                                                                  \
    "CREATE TABLE peers (addr_key TEXT PRIMARY KEY, payload BLOB NOT NULL);"                       \
    "CREATE TABLE subscriptions (share_id BLOB PRIMARY KEY, share_pubkey BLOB,"                    \
    " latest_seq INTEGER NOT NULL, latest_manifest_id BLOB,"                                       \
    " trust_level TEXT NOT NULL DEFAULT 'normal');"                                                \
    "CREATE TABLE metadata (key TEXT PRIMARY KEY, payload BLOB NOT NULL);"                         \
    "INSERT INTO metadata VALUES('node_key', " SEED ");"
#define VERSION_0_ROWS                                                                             \
    "INSERT INTO metadata VALUES('schema_version', x'02000000');"                                  \
    "INSERT INTO metadata VALUES('pinned_bootstrap_keys', x'a0');"                                 \
    "INSERT INTO peers VALUES('192.0.2.1:7001:Tcp', x'a0');"                                       \
    "INSERT INTO subscriptions VALUES(x'01', NULL, 5, NULL, 'normal');"

#define ROWS                                                                                       \
    "SELECT group_concat(r, ' ') FROM (SELECT key || hex(payload) AS r FROM metadata UNION ALL"    \
    " SELECT addr_key || hex(payload) FROM peers ORDER BY r)"
#define SECRETS                                                                                    \
    "SELECT group_concat(r, ' ') FROM (SELECT name || hex(value) AS r FROM relay_secrets"          \
    " WHERE name <> 'relay:slot' ORDER BY r)"
/* As pragma has them, so that how the statement was written does not count. */
#define TABLES                                                                                     \
    "SELECT group_concat(r, ' ') FROM (SELECT m.name || '.' || c.name || ':' || c.type || ':' ||"  \
    " c.\"notnull\" || ':' || c.pk AS r FROM sqlite_schema m, pragma_table_info(m.name) c WHERE"   \
    " m.type = 'table' AND m.name <> 'subscriptions' ORDER BY m.name, c.cid)"
#define INDEXES                                                                                    \
    "SELECT group_concat(r, ' ') FROM (SELECT m.name || '.' || i.name || ':' || i.\"unique\" ||"   \
    " ':' || x.name AS r FROM sqlite_schema m, pragma_index_list(m.name) i, pragma_index_info"     \
    "(i.name) x WHERE m.type = 'table' AND m.name <> 'subscriptions' ORDER BY r)"

/* The first column of the first row, as text, to free. */
static char *ask(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    const char *text;
    char *copy;

    assert_int_equal(sqlite3_open(scratch_path("relay.db"), &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    text = (const char *)sqlite3_column_text(st, 0);
    copy = strdup(text ? text : "");
    sqlite3_finalize(st);
    sqlite3_close(db);
    return copy;
}

static void assert_answer(const char *sql, const char *expect)
{
    char *got = ask(sql);

    assert_string_equal(got, expect);
    free(got);
}

static char *new_tables, *new_indexes;

static int learn_shape(void **state)
{
    struct storage *s;

    if (scratch_setup(state) != 0)
        return -1;
    s = scratch_open();
    storage_close(&s);
    new_tables = ask(TABLES);
    new_indexes = ask(INDEXES);
    assert_non_null(strstr(new_tables, "relay_values.expires_at:INTEGER:1:0"));
    return scratch_teardown(state);
}

static int forget_shape(void **state)
{
    (void)state;
    free(new_tables);
    free(new_indexes);
    return 0;
}

static void assert_identity(const struct storage *s)
{
    struct rt_sign_key key;
    uint8_t seed[32];

    for (uint8_t i = 0; i < 32; i++)
        seed[i] = i;
    rt_sign_key_from_seed(seed, &key);
    assert_false(storage_identity_is_new(s));
    assert_memory_equal(storage_identity(s)->public_key, key.public_key, 32);
}

/* Opens it, and looks at what has become of it; version 1 has a slot secret to keep. */
static void assert_taken(bool has_slot, const char *rows, const char *secrets)
{
    struct storage *s = scratch_open();
    uint8_t slot[32];

    assert_identity(s);
    memcpy(slot, storage_slot_secret(s), 32);
    for (uint8_t i = 0; has_slot && i < 32; i++)
        assert_int_equal(slot[i], 0x50 + i);
    storage_close(&s);
    assert_answer(ROWS, rows);
    assert_answer(SECRETS, secrets);
    assert_answer(TABLES, new_tables);
    assert_answer(INDEXES, new_indexes);
    assert_answer("PRAGMA user_version", "3");
    assert_answer("PRAGMA integrity_check", "ok");
    _Static_assert(STORAGE_SCHEMA_VERSION == 3, "a test for every earlier version");
    s = scratch_open();
    assert_identity(s);
    assert_memory_equal(storage_slot_secret(s), slot, 32);
    storage_close(&s);
}

static void version_1_without_rows(void **state)
{
    char *rows;

    (void)state;
    scratch_sql(VERSION_1);
    rows = ask(ROWS);
    assert_taken(true, rows, "");
    free(rows);
}

static void version_1(void **state)
{
    char *rows, *secrets;

    (void)state;
    scratch_sql(VERSION_1 VERSION_1_ROWS);
    rows = ask(ROWS);
    secrets = ask(SECRETS);
    assert_taken(true, rows, secrets);
    free(rows);
    free(secrets);
}

/* As kill -9 leaves it: nothing but a head in the file. */
static void version_1_in_the_log(void **state)
{
    char *rows, *secrets, command[512];
    sqlite3 *db = NULL;

    (void)state;
    scratch_sql("PRAGMA journal_mode = WAL");
    assert_int_equal(sqlite3_open(scratch_path("relay.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, VERSION_1 VERSION_1_ROWS, NULL, NULL, NULL), SQLITE_OK);
    snprintf(command, sizeof(command), "cd '%s' && mkdir new && cp relay.db relay.db-wal new/",
             scratch_data);
    assert_int_equal(system(command), 0);
    sqlite3_close(db);
    rows = ask(ROWS);
    secrets = ask(SECRETS);
    snprintf(command, sizeof(command),
             "cd '%s' && rm relay.db* && mv new/* . && test -s relay.db-wal", scratch_data);
    assert_int_equal(system(command), 0);
    assert_taken(true, rows, secrets);
    free(rows);
    free(secrets);
}

static void version_2(void **state)
{
    char *rows, *secrets;

    (void)state;
    scratch_sql(VERSION_2 VERSION_2_ROWS);
    rows = ask(ROWS);
    secrets = ask(SECRETS);
    assert_taken(true, rows, secrets);
    assert_answer(VALUES, "0001023 4 5 0, 0607089 10 11 0");
    free(rows);
    free(secrets);
}

static void version_2_without_rows(void **state)
{
    char *rows;

    (void)state;
    scratch_sql(VERSION_2);
    rows = ask(ROWS);
    assert_taken(true, rows, "");
    free(rows);
}

/* A database made by version 2 of this relay, then changed by the published relay. */
static void version_2_after_the_other(void **state)
{
    char *rows;

    (void)state;
    scratch_sql(VERSION_2 "CREATE TABLE subscriptions (share_id BLOB PRIMARY KEY);"
                          "INSERT INTO metadata VALUES('schema_version', x'02000000');"
                          "INSERT INTO peers VALUES('192.0.2.1:7001:Tcp', x'a0');");
    rows = ask(ROWS);
    assert_taken(true, rows, "");
    free(rows);
}

static void version_0(void **state)
{
    char *rows;

    (void)state;
    scratch_sql(VERSION_0);
    rows = ask(ROWS);
    assert_taken(false, rows, "");
    free(rows);
}

/* Made by our version 1, and then the published relay has worked on it. */
static void version_1_after_the_other(void **state)
{
    char *rows;

    (void)state;
    scratch_sql(VERSION_1 "CREATE TABLE subscriptions (share_id BLOB PRIMARY KEY);"
                          "INSERT INTO metadata VALUES('schema_version', x'02000000');"
                          "INSERT INTO peers VALUES('192.0.2.1:7001:Tcp', x'a0');");
    rows = ask(ROWS);
    assert_taken(true, rows, "");
    free(rows);
}

static void version_0_with_rows(void **state)
{
    char *rows;

    (void)state;
    scratch_sql(VERSION_0 VERSION_0_ROWS);
    rows = ask(ROWS);
    assert_taken(false, rows, "");
    assert_answer("SELECT latest_seq FROM subscriptions", "5");
    free(rows);
}

static void failing_from(const char *statements)
{
    uint32_t hits = 0, refused = 0;
    bool has_hit = true;

    for (uint32_t at = 1; has_hit; at++) {
        struct relay_error err = {""};
        struct storage *s = NULL;
        uint32_t before;
        char *rows, *secrets;

        assert_int_equal(scratch_setup(NULL), 0);
        scratch_sql(statements);
        rows = ask(ROWS);
        secrets = ask(SECRETS);
        before = fault_vfs_failed();
        fault_vfs_fail_at(at, SQLITE_FULL);
        refused += storage_open(scratch_data, &scratch_seams, &s, &err) != RT_ERR_OK;
        has_hit = fault_vfs_failed() > before;
        fault_vfs_fail_at(0, 0);
        storage_close(&s);
        hits += has_hit;
        assert_taken(true, rows, secrets);
        free(rows);
        free(secrets);
        assert_int_equal(scratch_teardown(NULL), 0);
    }
    printf("%u faults, %u starts refused\n", hits, refused);
    assert_true(hits > 3 && refused > 0);
}

static void failing(void **state)
{
    (void)state;
    failing_from(VERSION_1 VERSION_1_ROWS);
    failing_from(VERSION_2 VERSION_2_ROWS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(version_1_without_rows),
        TEST(version_1),
        TEST(version_1_in_the_log),
        TEST(version_1_after_the_other),
        TEST(version_0),
        TEST(version_0_with_rows),
        TEST(version_2),
        TEST(version_2_without_rows),
        TEST(version_2_after_the_other),
        cmocka_unit_test(failing),
    };

    fault_vfs_install();
    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("storage migration", tests, learn_shape, forget_shape);
}
