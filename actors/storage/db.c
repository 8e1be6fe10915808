/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/db.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* Another program (a backup, a look with sqlite3) may hold the file for a moment. */
#define BUSY_MS 2000

struct db {
    sqlite3 *handle;
    char path[PATH_MAX];
};

const char *db_path(const struct db *d)
{
    return d->path;
}

rt_err db_damaged(const struct db *d, const char *what, struct relay_error *err)
{
    snprintf(
        err->text, sizeof(err->text),
        "the state database %.70s is damaged (%.48s): restore it from a backup, or move it away "
        "to start with a new identity; it was not changed",
        d->path, what);
    return RT_ERR_CORRUPT;
}

static rt_err failed(const struct db *d, int code, struct relay_error *err)
{
    const char *text = sqlite3_errmsg(d->handle);

    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return db_damaged(d, text, err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        snprintf(err->text, sizeof(err->text),
                 "the state database %.100s is held by another program: stop that one first",
                 d->path);
        return RT_ERR_REFUSED;
    default:
        snprintf(
            err->text, sizeof(err->text),
            "the state database %.90s cannot be used (%.60s): check its owner, its mode and the "
            "space on its disk",
            d->path, text);
        return RT_ERR_SYSTEM;
    }
}

rt_err db_open(const char *path, struct db **out, struct relay_error *err)
{
    struct db *d = calloc(1, sizeof(*d));
    rt_err e = RT_ERR_OK;
    int code;

    RT_INSIST(d);
    RT_REQUIRE(strlen(path) < sizeof(d->path));
    memcpy(d->path, path, strlen(path) + 1);
    code = sqlite3_open_v2(path, &d->handle, SQLITE_OPEN_READWRITE, NULL);
    RT_INSIST(d->handle);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(d->handle, BUSY_MS);
    if (code == SQLITE_OK)
        code = sqlite3_exec(d->handle, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
    /* SQLite opens what it may not write to read-only, and says so no further. */
    if (code == SQLITE_OK && sqlite3_db_readonly(d->handle, "main") == 1) {
        snprintf(err->text, sizeof(err->text),
                 "the state database %.100s cannot be written: check its owner and its mode", path);
        e = RT_ERR_SYSTEM;
    } else if (code != SQLITE_OK) {
        e = failed(d, code, err);
    }
    if (e)
        db_close(&d);
    else
        *out = d;
    return e;
}

void db_close(struct db **d)
{
    struct db *old = *d;

    *d = NULL;
    if (!old)
        return;
    sqlite3_close_v2(old->handle);
    free(old);
}

rt_err db_exec(struct db *d, const char *sql, struct relay_error *err)
{
    int code = sqlite3_exec(d->handle, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? RT_ERR_OK : failed(d, code, err);
}

rt_err db_begin(struct db *d, struct relay_error *err)
{
    return db_exec(d, "BEGIN IMMEDIATE", err);
}

rt_err db_commit(struct db *d, struct relay_error *err)
{
    return db_exec(d, "COMMIT", err);
}

void db_rollback(struct db *d)
{
    /* Fails only where SQLite has rolled back by itself. */
    if (!sqlite3_get_autocommit(d->handle))
        (void)sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
}

rt_err db_checkpoint(struct db *d, struct relay_error *err)
{
    int code = sqlite3_wal_checkpoint_v2(d->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

    return code == SQLITE_OK ? RT_ERR_OK : failed(d, code, err);
}

/* Steps once; the caller finalizes. *has_row: whether there was one. */
static rt_err step(struct db *d, sqlite3_stmt *st, bool *has_row, struct relay_error *err)
{
    int code = sqlite3_step(st);

    *has_row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? RT_ERR_OK : failed(d, code, err);
}

static rt_err prepare(struct db *d, const char *sql, sqlite3_stmt **out, struct relay_error *err)
{
    int code = sqlite3_prepare_v2(d->handle, sql, -1, out, NULL);

    /* The statements are right, so one that cannot be prepared meets a table of another shape. */
    if (code == SQLITE_ERROR)
        return db_damaged(d, sqlite3_errmsg(d->handle), err);
    return code == SQLITE_OK ? RT_ERR_OK : failed(d, code, err);
}

rt_err db_check(struct db *d, struct relay_error *err)
{
    sqlite3_stmt *st = NULL;
    bool has_row = false;
    rt_err e = prepare(d, "PRAGMA quick_check(1)", &st, err);

    if (!e)
        e = step(d, st, &has_row, err);
    if (!e && has_row) {
        const char *text = (const char *)sqlite3_column_text(st, 0);

        if (!text || strcmp(text, "ok") != 0)
            e = db_damaged(d, text ? text : "no verdict", err);
    }
    sqlite3_finalize(st);
    return e;
}

rt_err db_get_integer(struct db *d, const char *sql, int64_t *out, struct relay_error *err)
{
    sqlite3_stmt *st = NULL;
    bool has_row = false;
    rt_err e = prepare(d, sql, &st, err);

    if (!e)
        e = step(d, st, &has_row, err);
    if (!e && !has_row)
        e = db_damaged(d, "a value is missing", err);
    if (!e)
        *out = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return e;
}

rt_err db_get_blob(struct db *d, const char *sql, const char *key, void *out, size_t cap,
                   size_t *out_len, struct relay_error *err)
{
    sqlite3_stmt *st = NULL;
    bool has_row = false;
    rt_err e = prepare(d, sql, &st, err);

    if (!e && sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC) != SQLITE_OK)
        e = failed(d, SQLITE_ERROR, err);
    if (!e)
        e = step(d, st, &has_row, err);
    if (!e && !has_row) {
        e = RT_ERR_NOT_FOUND;
    } else if (!e) {
        size_t len = (size_t)sqlite3_column_bytes(st, 0);

        if (sqlite3_column_type(st, 0) != SQLITE_BLOB || len > cap) {
            e = db_damaged(d, key, err);
        } else {
            if (len)
                memcpy(out, sqlite3_column_blob(st, 0), len);
            *out_len = len;
        }
    }
    sqlite3_finalize(st);
    return e;
}

rt_err db_put_blob(struct db *d, const char *sql, const char *key, const void *blob, size_t len,
                   struct relay_error *err)
{
    sqlite3_stmt *st = NULL;
    bool has_row;
    rt_err e = prepare(d, sql, &st, err);

    if (!e && (sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC) != SQLITE_OK ||
               sqlite3_bind_blob(st, 2, blob, (int)len, SQLITE_STATIC) != SQLITE_OK))
        e = failed(d, SQLITE_ERROR, err);
    if (!e)
        e = step(d, st, &has_row, err);
    sqlite3_finalize(st);
    return e;
}
