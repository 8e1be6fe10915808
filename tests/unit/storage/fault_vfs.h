/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A simulated disk: a sqlite3_vfs around that of the system, made the default, that fails writes
 * and syncs on request.
 */
#ifndef TEST_STORAGE_FAULT_VFS_H
#define TEST_STORAGE_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

/* Before the first database is opened. */
void fault_vfs_install(void);

/* From now on every write and sync fails with this code of SQLite's; 0: none does. */
void fault_vfs_fail(int code);
/* Only the n-th from now on fails, once, with this code. */
void fault_vfs_fail_at(uint32_t n, int code);

/* There is no room for the memory that connections share. */
void fault_vfs_fail_shared(bool fails);

/* Between the two no sync returns. */
void fault_vfs_hold(void);
void fault_vfs_release(void);

/* Writes and syncs so far, and those that were made to fail. */
uint32_t fault_vfs_count(void);
uint32_t fault_vfs_failed(void);

#endif
