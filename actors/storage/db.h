/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The database engine, as little of it as the tables need; db.c is the only file that knows SQLite.
 * Used by one thread at a time. Each failure leaves a sentence in *err that names the file:
 * RT_ERR_CORRUPT (damaged, or no database), RT_ERR_REFUSED (held by another program) or
 * RT_ERR_SYSTEM.
 */
#ifndef STORAGE_DB_H
#define STORAGE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/relay_transport.h" /* struct relay_error */
#include "base/err.h"

struct db;
struct sqlite3_stmt;

/* A prepared statement; zeroed: none. */
struct db_stmt {
    struct db *db;
    struct sqlite3_stmt *handle;
};

/* Opens an existing file for reading and writing; every commit is durable. is_alone: no other
 * program can look at it meanwhile, and less is written. */
RT_MUST_CHECK rt_err db_open(const char *path, bool is_alone, struct db **out,
                             struct relay_error *err);
/* Clears the caller's pointer; NULL allowed. */
void db_close(struct db **d);

/* Reads the whole file and checks its structure. */
RT_MUST_CHECK rt_err db_check(struct db *d, struct relay_error *err);
/* Runs statements that return nothing of interest. */
RT_MUST_CHECK rt_err db_exec(struct db *d, const char *sql, struct relay_error *err);
/* Moves the write-ahead log into the file. */
RT_MUST_CHECK rt_err db_checkpoint(struct db *d, struct relay_error *err);

RT_MUST_CHECK rt_err db_begin(struct db *d, struct relay_error *err);
RT_MUST_CHECK rt_err db_commit(struct db *d, struct relay_error *err);
void db_rollback(struct db *d);

/* -- statements: prepared, bound and run as often as need be -- */

/* RT_ERR_CORRUPT where a table has another shape. */
RT_MUST_CHECK rt_err db_prepare(struct db *d, const char *sql, struct db_stmt *out,
                                struct relay_error *err);
void db_stmt_fini(struct db_stmt *st); /* idempotent; before db_close */

/* Gives parameter n (from 1) a value; bytes are borrowed until the statement has run. */
void db_bind_text(struct db_stmt *st, int n, const char *text);
void db_bind_blob(struct db_stmt *st, int n, const void *blob, size_t len);
void db_bind_integer(struct db_stmt *st, int n, int64_t v);

/* Runs it for its effect, and clears it for the next time. */
RT_MUST_CHECK rt_err db_run(struct db_stmt *st, struct relay_error *err);
/* Steps to the next row. Its columns (from 0) are valid until the next step; text and blob are NULL
 * where the column holds something else. */
RT_MUST_CHECK rt_err db_next(struct db_stmt *st, bool *out_has_row, struct relay_error *err);
int64_t db_column_integer(struct db_stmt *st, int n);
const char *db_column_text(struct db_stmt *st, int n);
const void *db_column_blob(struct db_stmt *st, int n, size_t *out_len);

/* Rows that the last statement changed. */
int db_changes(const struct db *d);

/* -- in one call -- */

/* The single integer that sql returns. */
RT_MUST_CHECK rt_err db_get_integer(struct db *d, const char *sql, int64_t *out,
                                    struct relay_error *err);
/* The blob that sql, with text for its one parameter, returns: RT_ERR_NOT_FOUND without a sentence
 * when there is no row; RT_ERR_CORRUPT when it is no blob or longer than cap. */
RT_MUST_CHECK rt_err db_get_blob(struct db *d, const char *sql, const char *key, void *out,
                                 size_t cap, size_t *out_len, struct relay_error *err);
/* Runs sql with key and blob as its two parameters. */
RT_MUST_CHECK rt_err db_put_blob(struct db *d, const char *sql, const char *key, const void *blob,
                                 size_t len, struct relay_error *err);

/* RT_ERR_CORRUPT with the sentence for damage: "what is wrong" inside it. */
RT_MUST_CHECK rt_err db_damaged(const struct db *d, const char *what, struct relay_error *err);
const char *db_path(const struct db *d);

#endif
