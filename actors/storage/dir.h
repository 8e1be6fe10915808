/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The data directory: made if need be, locked against a second process, and the paths in it. The
 * lock is the kernel's (flock on DIR/relay.lock), so it goes with the process, however that ends.
 */
#ifndef STORAGE_DIR_H
#define STORAGE_DIR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/relay_transport.h" /* struct relay_error */
#include "base/err.h"

struct storage_dir {
    char path[PATH_MAX];
    int fd, lock_fd; /* -1: closed */
};

/* Makes the directory (0700, parents too), opens and locks it. *err has a sentence on failure. */
RT_MUST_CHECK rt_err storage_dir_open(const char *path, struct storage_dir *out,
                                      struct relay_error *err);
void storage_dir_close(struct storage_dir *d); /* idempotent */

/* DIR/name into out. */
void storage_dir_path(const struct storage_dir *d, const char *name, char out[PATH_MAX]);

/* True if DIR/name exists. */
bool storage_dir_has(const struct storage_dir *d, const char *name);
/* The size in bytes of DIR/name, of the database or its log; links are followed. RT_ERR_NOT_FOUND,
 * without a sentence: it is not there. */
RT_MUST_CHECK rt_err storage_dir_size(const struct storage_dir *d, const char *name, uint64_t *out,
                                      struct relay_error *err);
/* Makes an empty DIR/name with mode 0600. */
RT_MUST_CHECK rt_err storage_dir_create(const struct storage_dir *d, const char *name,
                                        struct relay_error *err);
/* Removes DIR/name if it is there. */
void storage_dir_remove(const struct storage_dir *d, const char *name);
/* Renames, for good: the directory is synced. */
RT_MUST_CHECK rt_err storage_dir_rename(const struct storage_dir *d, const char *from,
                                        const char *to, struct relay_error *err);

/* Logs a warning when others than the owner may read or write it. name "": the directory itself. */
void storage_dir_warn_mode(const struct storage_dir *d, const char *name);

#endif
