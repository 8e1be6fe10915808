/* SPDX-License-Identifier: MPL-2.0 */
/* For the storage tests: a scratch directory, seams with the system's randomness, files. */
#ifndef TEST_STORAGE_SCRATCH_H
#define TEST_STORAGE_SCRATCH_H

#include <stdint.h>
#include <sys/types.h>

#include "storage/storage.h"

/* The directory of the current test, and DIR/data, which does not exist yet. */
extern char scratch_dir[64], scratch_data[80];
extern const struct rt_seams scratch_seams;

int scratch_setup(void **state);
int scratch_teardown(void **state);

/* DATA/name, in a static buffer that the next call reuses. */
const char *scratch_path(const char *name);
/* Runs SQL on DATA/relay.db, as another program would; DATA is made. */
void scratch_sql(const char *sql);
/* Bytes of DATA/relay.db, to free; *len. */
uint8_t *scratch_read(size_t *len);
void scratch_write(const void *bytes, size_t len);
mode_t scratch_mode(const char *path);

/* storage_open on DATA, which must work; or must fail as e with every word in its sentence. */
struct storage *scratch_open(void);
void scratch_refused(rt_err e, const char *const words[]);

#endif
