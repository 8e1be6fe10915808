/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: a struct db that db_open returned has an open, writable SQLite handle until db_close.
 * A bound blob or text is borrowed: db_run clears the bindings before it returns.
 */
#include "storage/db.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "storage/storage_limits.h"

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

/* A file can be crafted: no writes to the schema table, and no functions with side effects from
 * views and triggers in it. */
static int harden(struct db *d)
{
    int code = sqlite3_db_config(d->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_db_config(d->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return code;
}

static int configure(struct db *d, bool is_alone)
{
    char sql[128];

    /* The first counts only before anything is read. */
    snprintf(sql, sizeof(sql),
             "PRAGMA locking_mode = %s; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = %u",
             is_alone ? "EXCLUSIVE" : "NORMAL", LIM_STORAGE_LOG_BYTES);
    return sqlite3_exec(d->handle, sql, NULL, NULL, NULL);
}

rt_err db_open(const char *path, bool is_alone, struct db **out, struct relay_error *err)
{
    struct db *d = calloc(1, sizeof(*d));
    rt_err e = RT_ERR_OK;
    int code;

    RT_INSIST(d);
    RT_REQUIRE(strlen(path) < sizeof(d->path));
    memcpy(d->path, path, strlen(path) + 1);
    code = sqlite3_open_v2(path, &d->handle, SQLITE_OPEN_READWRITE, NULL);
    RT_INSIST(d->handle);
    /* Another program, such as a backup, may hold the file for a moment. */
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(d->handle, LIM_STORAGE_BUSY_MS);
    if (code == SQLITE_OK)
        code = harden(d);
    if (code == SQLITE_OK)
        code = configure(d, is_alone);
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
    /* Fails only if SQLite has already rolled back. */
    if (!sqlite3_get_autocommit(d->handle))
        (void)sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
}

rt_err db_checkpoint(struct db *d, struct relay_error *err)
{
    int code = sqlite3_wal_checkpoint_v2(d->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

    return code == SQLITE_OK ? RT_ERR_OK : failed(d, code, err);
}

/* -- statements -- */

rt_err db_prepare(struct db *d, const char *sql, struct db_stmt *out, struct relay_error *err)
{
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(d->handle, sql, -1, &st, NULL);

    /* The statements are right, so one that cannot be prepared meets a table of another shape. */
    if (code == SQLITE_ERROR)
        return db_damaged(d, sqlite3_errmsg(d->handle), err);
    if (code != SQLITE_OK)
        return failed(d, code, err);
    *out = (struct db_stmt){d, st};
    return RT_ERR_OK;
}

void db_stmt_fini(struct db_stmt *st)
{
    sqlite3_finalize(st->handle);
    *st = (struct db_stmt){0};
}

void db_bind_text(struct db_stmt *st, int n, const char *text)
{
    RT_INSIST(sqlite3_bind_text(st->handle, n, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

void db_bind_blob(struct db_stmt *st, int n, const void *blob, size_t len)
{
    RT_INSIST(sqlite3_bind_blob64(st->handle, n, len ? blob : "", len, SQLITE_STATIC) == SQLITE_OK);
}

void db_bind_integer(struct db_stmt *st, int n, int64_t v)
{
    RT_INSIST(sqlite3_bind_int64(st->handle, n, v) == SQLITE_OK);
}

rt_err db_next(struct db_stmt *st, bool *out_has_row, struct relay_error *err)
{
    int code = sqlite3_step(st->handle);

    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return failed(st->db, code, err);
    *out_has_row = code == SQLITE_ROW;
    return RT_ERR_OK;
}

rt_err db_run(struct db_stmt *st, struct relay_error *err)
{
    bool has_row = false;
    rt_err e = db_next(st, &has_row, err);

    (void)sqlite3_reset(st->handle); /* repeats what db_next has told */
    (void)sqlite3_clear_bindings(st->handle);
    return e;
}

int64_t db_column_integer(struct db_stmt *st, int n)
{
    return sqlite3_column_int64(st->handle, n);
}

const char *db_column_text(struct db_stmt *st, int n)
{
    if (sqlite3_column_type(st->handle, n) != SQLITE_TEXT)
        return NULL;
    return (const char *)sqlite3_column_text(st->handle, n);
}

const void *db_column_blob(struct db_stmt *st, int n, size_t *out_len)
{
    const void *blob;

    if (sqlite3_column_type(st->handle, n) != SQLITE_BLOB)
        return NULL;
    blob = sqlite3_column_blob(st->handle, n);
    *out_len = (size_t)sqlite3_column_bytes(st->handle, n);
    return blob ? blob : "";
}

int db_changes(const struct db *d)
{
    return sqlite3_changes(d->handle);
}

/* -- in one call -- */

rt_err db_get_integer(struct db *d, const char *sql, int64_t *out, struct relay_error *err)
{
    struct db_stmt st = {0};
    bool has_row = false;
    rt_err e = db_prepare(d, sql, &st, err);

    if (!e)
        e = db_next(&st, &has_row, err);
    if (!e && !has_row)
        e = db_damaged(d, "a value is missing", err);
    if (!e)
        *out = db_column_integer(&st, 0);
    db_stmt_fini(&st);
    return e;
}

rt_err db_get_blob(struct db *d, const char *sql, const char *key, void *out, size_t cap,
                   size_t *out_len, struct relay_error *err)
{
    struct db_stmt st = {0};
    bool has_row = false;
    rt_err e = db_prepare(d, sql, &st, err);

    if (e)
        return e;
    db_bind_text(&st, 1, key);
    e = db_next(&st, &has_row, err);
    if (!e && !has_row) {
        e = RT_ERR_NOT_FOUND;
    } else if (!e) {
        size_t len = 0;
        const void *blob = db_column_blob(&st, 0, &len);

        if (!blob || len > cap) {
            e = db_damaged(d, key, err);
        } else {
            memcpy(out, blob, len);
            *out_len = len;
        }
    }
    db_stmt_fini(&st);
    return e;
}

rt_err db_put_blob(struct db *d, const char *sql, const char *key, const void *blob, size_t len,
                   struct relay_error *err)
{
    struct db_stmt st = {0};
    rt_err e = db_prepare(d, sql, &st, err);

    if (e)
        return e;
    db_bind_text(&st, 1, key);
    db_bind_blob(&st, 2, blob, len);
    e = db_run(&st, err);
    db_stmt_fini(&st);
    return e;
}

/* -- checking -- */

rt_err db_check(struct db *d, struct relay_error *err)
{
    struct db_stmt st = {0};
    bool has_row = false;
    rt_err e = db_prepare(d, "PRAGMA quick_check(1)", &st, err);

    if (!e)
        e = db_next(&st, &has_row, err);
    if (!e && has_row) {
        const char *text = db_column_text(&st, 0);

        if (!text || strcmp(text, "ok") != 0)
            e = db_damaged(d, text ? text : "no verdict", err);
    }
    db_stmt_fini(&st);
    return e;
}
