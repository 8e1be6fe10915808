/* SPDX-License-Identifier: MPL-2.0 */
/*
 * For tests of asynchronous writes: a storage actor on a worker that the test steps, in virtual
 * time; rows that are derived from a number; the lines of the log.
 */
#ifndef TEST_STORAGE_DESK_H
#define TEST_STORAGE_DESK_H

#include "scratch.h"

#define DESK_WALL_S 1700000000u /* the wall clock at the start */

extern struct storage *desk_storage;
extern const struct rt_seams desk_seams;

/* A scratch directory with a storage, opened and started; and without. */
int desk_setup(void **state);
int desk_teardown(void **state);
/* Stops and closes; opens and starts. */
void desk_stop(void);
void desk_start(void);
void desk_turns(void);             /* until there is nothing to do at once */
void desk_sleep(uint64_t span_ns); /* time passes, timers fire */
rt_err desk_flush(void);
/* The duration of each write and each sync of the disk. */
void desk_slow_disk(uint64_t span_ns);

/* Value n in its g-th form: key and bytes follow from both, and it does not expire before long. */
struct storage_write *desk_value(uint32_t n, uint32_t g);
struct storage_write *desk_drop(uint32_t n);
/* A value that expires this number of seconds after DESK_WALL_S. */
struct storage_write *desk_value_until(uint32_t n, uint32_t g, uint64_t expires_s);
/* Whether the queue had room. */
bool desk_send(struct storage_write *w);
void desk_key(uint32_t n, uint8_t out[32]);

/* The database as another program reads it: rows in relay_values; the form that value n has, or
 * -1. */
int64_t desk_rows(void);
int64_t desk_form(uint32_t n);
int64_t desk_integer(const char *sql);
/* Fails the test unless every row of relay_values is whole. Their number. */
uint32_t desk_check_rows(void);

/* Lines logged since the last call that hold `words`. */
uint32_t desk_logged(const char *words);

#endif
