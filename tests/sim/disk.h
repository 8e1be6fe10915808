/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A disk in memory, for actors/storage: a sqlite3_vfs, and the directory functions of
 * storage/dir.h. disk.c is linked before the storage room, so its functions replace those of dir.c.
 *
 * Files keep their contents when a relay ends, until sim_disk_clear. Nothing fails and nothing is
 * lost. A file is open in one connection at a time, so file locks are not simulated; the lock of
 * the directory is. Random bytes and times that SQLite asks for are constant.
 *
 * One disk per process. Any thread, except for init and clear.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

/* Makes the vfs SQLite's default. Idempotent. */
void sim_disk_init(void);
/* Removes all files. None is open. */
void sim_disk_clear(void);

#endif
