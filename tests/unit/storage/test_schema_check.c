/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: databases that an attacker crafted. A view in place of each of our tables, most of them
 * endless, is refused at once with a sentence that names it; so are triggers, virtual tables and
 * entries whose type and name lie about their text.
 * Other tables and the published relays' search_fts are accepted. A refused file is not changed.
 * SQLite refuses writes to the schema table from our connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "scratch.h"
#include "storage/db.h"

#define ENDLESS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"

static void assert_refused_unchanged(const char *const words[])
{
    size_t len = 0, after_len = 0;
    uint8_t *before = scratch_read(&len), *after;

    alarm(20); /* a hang ends the test */
    scratch_refused(RT_ERR_CORRUPT, words);
    alarm(0);
    after = scratch_read(&after_len);
    assert_int_equal(after_len, len);
    assert_memory_equal(after, before, len);
    free(before);
    free(after);
}

/* A new database of ours, in one file. */
static void make(void)
{
    struct storage *s = scratch_open();

    storage_close(&s);
    scratch_sql("PRAGMA journal_mode = DELETE");
}

static void refused(const char *sql, const char *word)
{
    make();
    scratch_sql(sql);
    assert_refused_unchanged((const char *[]){"relay.db", word, NULL});
    assert_int_equal(unlink(scratch_path("relay.db")), 0);
}

static void test_views(void **state)
{
    (void)state;
    refused("DROP TABLE metadata; CREATE VIEW metadata AS " ENDLESS
            " SELECT 'other' AS key, i AS payload FROM n;",
            "VIEW of metadata");
    refused("DROP TABLE peers; CREATE VIEW peers AS " ENDLESS
            " SELECT i AS addr_key, x'a0' AS payload FROM n;",
            "VIEW of peers");
    refused("DROP TABLE relay_values; CREATE VIEW relay_values AS " ENDLESS
            " SELECT zeroblob(32) AS key, zeroblob(32) AS sub, x'00' AS value, 9999999999 AS "
            "expires_at, 1 AS origin_peer, 1 AS origin_net, 0 AS event FROM n;",
            "VIEW of relay_values");
    refused("DROP TABLE relay_secrets; CREATE VIEW relay_secrets AS " ENDLESS
            " SELECT 'other' AS name, x'00' AS value FROM n;",
            "VIEW of relay_secrets");
    refused("DROP TABLE relay_communities; CREATE VIEW relay_communities AS"
            " SELECT zeroblob(32) AS community_id, 1 AS mark, 2 AS expires_at;",
            "VIEW of relay_communitie");
    refused("DROP TABLE relay_identity_records; CREATE VIEW Relay_Identity_Records AS"
            " SELECT zeroblob(32) AS key, x'00' AS value;",
            "VIEW of Relay_Identity_R");
    refused("CREATE VIEW dht_values AS " ENDLESS " SELECT i FROM n;", "VIEW of dht_values");
}

static void test_triggers_and_virtual_tables(void **state)
{
    (void)state;
    refused("CREATE TRIGGER t AFTER INSERT ON relay_values BEGIN DELETE FROM metadata; END;",
            "CREATE TRIG");
    refused("CREATE TRIGGER u BEFORE UPDATE ON metadata BEGIN SELECT RAISE(IGNORE); END;",
            "CREATE TRIG");
    refused("DROP TABLE peers; PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES("
            "'table', 'peers', 'peers', 0, 'CREATE VIRTUAL TABLE peers USING json_each');",
            "CREATE VIRT");
    refused("DROP TABLE peers; PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES("
            "'table', 'search_fts', 'search_fts', 0, 'CREATE VIRTUAL TABLE peers USING"
            " fts5(addr_key, payload)');",
            "search_fts");
}

static void test_entries_that_lie(void **state)
{
    (void)state;
    refused("DROP TABLE peers; PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES("
            "'table', 'harmless', 'harmless', 0, 'CREATE VIEW peers AS " ENDLESS
            " SELECT i AS addr_key, i AS payload FROM n');",
            "harmless");
    refused("DROP TABLE peers; PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES("
            "'table', 'peers', 'peers', 0, 'create/**/view peers AS SELECT 1 AS addr_key, 2 AS"
            " payload');",
            "peers");
}

static void test_indexes_and_other_tables_are_fine(void **state)
{
    struct storage *s;

    (void)state;
    make();
    scratch_sql("CREATE TABLE subscriptions (share_id BLOB PRIMARY KEY, n INTEGER);"
                "CREATE UNIQUE INDEX by_n ON subscriptions (n); CREATE INDEX i ON peers (payload);"
                "CREATE VIRTUAL TABLE search_fts USING fts5(share_id UNINDEXED, name);");
    s = scratch_open();
    storage_close(&s);
}

static void test_our_connection_is_defensive(void **state)
{
    struct relay_error err;
    struct db *d = NULL;

    (void)state;
    make();
    assert_int_equal(db_open(scratch_path("relay.db"), false, &d, &err), RT_ERR_OK);
    assert_int_not_equal(db_exec(d, "PRAGMA writable_schema = ON; DELETE FROM sqlite_master", &err),
                         RT_ERR_OK);
    int64_t trusted = 1;
    assert_int_equal(db_get_integer(d, "PRAGMA trusted_schema", &trusted, &err), RT_ERR_OK);
    assert_int_equal(trusted, 0);
    db_close(&d);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_views),
        TEST(test_triggers_and_virtual_tables),
        TEST(test_entries_that_lie),
        TEST(test_indexes_and_other_tables_are_fine),
        TEST(test_our_connection_is_defensive),
    };

    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
