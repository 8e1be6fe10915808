/* SPDX-License-Identifier: MPL-2.0 */
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

char scratch_dir[64], scratch_data[80];

static uint64_t no_time(void *ctx)
{
    (void)ctx;
    return 1;
}

static void random_bytes(void *ctx, void *out, size_t len)
{
    (void)ctx;
    assert_int_equal(getrandom(out, len, 0), len);
}

const struct rt_seams scratch_seams = {no_time, no_time, random_bytes, NULL};

int scratch_setup(void **state)
{
    (void)state;
    snprintf(scratch_dir, sizeof(scratch_dir), "/tmp/test_storage.XXXXXX");
    if (!mkdtemp(scratch_dir))
        return -1;
    snprintf(scratch_data, sizeof(scratch_data), "%s/data", scratch_dir);
    return 0;
}

int scratch_teardown(void **state)
{
    char command[192];

    (void)state;
    snprintf(command, sizeof(command), "chmod -R u+rwx '%s'; rm -rf '%s'", scratch_dir,
             scratch_dir);
    return system(command);
}

const char *scratch_path(const char *name)
{
    static char path[160];

    snprintf(path, sizeof(path), "%s/%s", scratch_data, name);
    return path;
}

void scratch_sql(const char *sql)
{
    sqlite3 *db = NULL;
    char *text = NULL;

    mkdir(scratch_data, 0700);
    assert_int_equal(sqlite3_open(scratch_path("relay.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s", text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

uint8_t *scratch_read(size_t *len)
{
    FILE *f = fopen(scratch_path("relay.db"), "rb");
    struct stat st;
    uint8_t *bytes;

    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    *len = (size_t)st.st_size;
    bytes = malloc(*len + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *len, f), *len);
    fclose(f);
    return bytes;
}

void scratch_write(const void *bytes, size_t len)
{
    FILE *f;

    mkdir(scratch_data, 0700);
    f = fopen(scratch_path("relay.db"), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

mode_t scratch_mode(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

struct storage *scratch_open(void)
{
    struct relay_error err = {""};
    struct storage *s = NULL;

    if (storage_open(scratch_data, &scratch_seams, &s, &err) != RT_ERR_OK)
        fail_msg("%s", err.text);
    return s;
}

void scratch_refused(rt_err e, const char *const words[])
{
    struct relay_error err = {""};
    struct storage *s = NULL;
    rt_err got = storage_open(scratch_data, &scratch_seams, &s, &err);

    if (got != e)
        fail_msg("error %d (%s), not %d: %s", got, rt_err_text(got), e, err.text);
    assert_null(s);
    for (; *words; words++) {
        if (!strstr(err.text, *words))
            fail_msg("\"%s\" does not say \"%s\"", err.text, *words);
    }
}
