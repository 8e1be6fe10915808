/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: plugins with one deliberate fault each (wrong_plugin.c), in the directory of the test, as
 * the plugins of the relay are in its own. The valid one is loaded. Each invalid one is refused
 * with its own words and its path. Files that are not libraries. Finding a plugin by name. The
 * check of the table, for every verb.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/loader.h"

static void find(const char *name, char out[PATH_MAX])
{
    struct relay_error err = {""};

    if (rt_loader_find(name, out, PATH_MAX, &err) != RT_ERR_OK)
        fail_msg("%s", err.text);
}

static void right_one(void **state)
{
    const struct relay_transport *t = NULL, *again = NULL;
    struct relay_error err = {""};
    char path[PATH_MAX];

    (void)state;
    find("wrong_good", path);
    if (rt_loader_open(path, &t, &err) != RT_ERR_OK)
        fail_msg("%s", err.text);
    assert_string_equal(t->name, "wrong");
    assert_int_equal(rt_loader_open(path, &again, &err), RT_ERR_OK);
    assert_ptr_equal(t, again);
}

static void each_wrong_one(void **state)
{
    static const struct {
        const char *name, *words[2];
    } wrong[] = {
        {"wrong_magic", {"is none", "600df00d"}},
        {"wrong_abi", {"needs version 1.2", "this relay has 1.1"}},
        {"wrong_size", {"has a table of", "bytes"}},
        {"wrong_older_size", {"has a table of", "bytes"}},
        {"wrong_build",
         {RELAY_BUILD_KIND == RELAY_BUILD_TSAN ? "is a plain build" : "thread sanitizer",
          "this relay is"}},
        {"wrong_name", {"has no name", ""}},
        {"wrong_schemes", {"no address scheme", ""}},
        {"wrong_verb", {"has no function for", "\"resume\""}},
        {"wrong_null", {"has no table", ""}},
        {"wrong_symbol", {"it has no function", "relay_transport_v1"}},
        {"wrong_undefined", {"cannot be loaded", "undefined symbol: undefined_function"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct relay_transport *t = NULL;
        struct relay_error err = {""};
        char path[PATH_MAX], file[64];

        find(wrong[i].name, path);
        assert_int_equal(rt_loader_open(path, &t, &err), RT_ERR_REFUSED);
        assert_null(t);
        snprintf(file, sizeof(file), "the transport plugin /");
        assert_ptr_equal(strstr(err.text, file), err.text);
        for (size_t j = 0; j < 2; j++) {
            if (!strstr(err.text, wrong[i].words[j]))
                fail_msg("\"%s\" does not say \"%s\"", err.text, wrong[i].words[j]);
        }
    }
}

static void no_library(void **state)
{
    char path[] = "/tmp/test_loader.XXXXXX";
    const struct relay_transport *t = NULL;
    struct relay_error err = {""};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(rt_loader_open(path, &t, &err), RT_ERR_REFUSED);
    assert_non_null(strstr(err.text, "cannot be loaded"));
    assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
    close(fd);
    assert_int_equal(rt_loader_open(path, &t, &err), RT_ERR_REFUSED);
    assert_non_null(strstr(err.text, "cannot be loaded"));
    unlink(path);
    assert_int_equal(rt_loader_open(path, &t, &err), RT_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "No such file"));
    assert_null(t);
}

static void finding(void **state)
{
    struct relay_error err = {""};
    char path[PATH_MAX] = "untouched";

    (void)state;
    assert_int_equal(rt_loader_find("nowhere", path, sizeof(path), &err), RT_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "no nowhere.so in /"));
    assert_non_null(strstr(err.text, "scp2p-relay/plugins"));
    assert_int_equal(rt_loader_find("../wrong_good", path, sizeof(path), &err), RT_ERR_REFUSED);
    assert_int_equal(rt_loader_find("", path, sizeof(path), &err), RT_ERR_REFUSED);
    assert_int_equal(rt_loader_find("wrong_good", path, 16, &err), RT_ERR_NOT_FOUND);
    assert_string_equal(path, "untouched");
    find("wrong_good", path);
    assert_non_null(strstr(path, "/plugins/wrong_good.so"));
}

static void every_verb(void **state)
{
    static const char *const verbs[] = {"worker_init", "worker_fini", "listen", "unlisten", "dial",
                                        "send",        "pause",       "resume", "close",    "peer"};
    const struct relay_transport *good = NULL;
    struct relay_error err = {""};
    char path[PATH_MAX];

    (void)state;
    find("wrong_good", path);
    assert_int_equal(rt_loader_open(path, &good, &err), RT_ERR_OK);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        struct relay_transport t = *good;
        char word[32];

        memset((char *)&t + offsetof(struct relay_transport, worker_init) + i * sizeof(void *), 0,
               sizeof(void *));
        assert_int_equal(rt_loader_check(&t, "here", &err), RT_ERR_REFUSED);
        snprintf(word, sizeof(word), "\"%s\"", verbs[i]);
        assert_non_null(strstr(err.text, word));
        assert_non_null(strstr(err.text, "the transport plugin here "));
    }
    assert_int_equal(rt_loader_check(good, "here", &err), RT_ERR_OK);
    assert_int_equal(rt_loader_check(NULL, "here", &err), RT_ERR_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_one), cmocka_unit_test(each_wrong_one), cmocka_unit_test(no_library),
        cmocka_unit_test(finding),   cmocka_unit_test(every_verb),
    };

    return cmocka_run_group_tests_name("transport loader", tests, NULL, NULL);
}
