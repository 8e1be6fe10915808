/* SPDX-License-Identifier: MPL-2.0 */
#include "fault_vfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

static sqlite3_vfs *below, shim;
/* Per kind of file: the system's methods, and the same but for what may fail. */
static struct kind {
    const sqlite3_io_methods *real;
    sqlite3_io_methods faulty;
} kinds[4];
static atomic_int fail_code, once_code;
static atomic_uint once_at, count, failed;

static atomic_bool fails_shared;
static pthread_mutex_t syncing = PTHREAD_MUTEX_INITIALIZER;

static int verdict(void)
{
    unsigned now = ++count;
    int code = fail_code;

    if (once_code && now == once_at)
        code = atomic_exchange(&once_code, 0);
    failed += code != SQLITE_OK;
    return code;
}

static const sqlite3_io_methods *real_of(const sqlite3_file *f)
{
    int i = 0;

    while (f->pMethods != &kinds[i].faulty)
        i++;
    return kinds[i].real;
}

static int write_file(sqlite3_file *f, const void *bytes, int len, sqlite3_int64 at)
{
    int code = verdict();

    return code ? code : real_of(f)->xWrite(f, bytes, len, at);
}

static int sync_file(sqlite3_file *f, int flags)
{
    int code = verdict();

    pthread_mutex_lock(&syncing);
    pthread_mutex_unlock(&syncing);
    return code ? code : real_of(f)->xSync(f, flags);
}

static int map_shared(sqlite3_file *f, int page, int page_size, int extends, void volatile **out)
{
    return fails_shared ? SQLITE_IOERR_SHMSIZE
                        : real_of(f)->xShmMap(f, page, page_size, extends, out);
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    int code = below->xOpen(below, name, f, flags, out_flags), i = 0;

    (void)vfs;
    if (code != SQLITE_OK || !f->pMethods)
        return code;
    while (kinds[i].real && kinds[i].real != f->pMethods)
        assert_true(++i < 4);
    if (!kinds[i].real) {
        kinds[i].real = f->pMethods;
        kinds[i].faulty = *f->pMethods;
        kinds[i].faulty.xWrite = write_file;
        kinds[i].faulty.xSync = sync_file;
        kinds[i].faulty.xShmMap = map_shared;
    }
    f->pMethods = &kinds[i].faulty;
    return code;
}

void fault_vfs_install(void)
{
    below = sqlite3_vfs_find(NULL);
    shim = *below;
    shim.zName = "fault";
    shim.xOpen = open_file;
    assert_int_equal(sqlite3_vfs_register(&shim, 1), SQLITE_OK);
}

void fault_vfs_fail(int code)
{
    fail_code = code;
}

void fault_vfs_fail_at(uint32_t n, int code)
{
    once_at = count + n;
    once_code = code;
}

void fault_vfs_fail_shared(bool fails)
{
    fails_shared = fails;
}

void fault_vfs_hold(void)
{
    pthread_mutex_lock(&syncing);
}

void fault_vfs_release(void)
{
    pthread_mutex_unlock(&syncing);
}

uint32_t fault_vfs_count(void)
{
    return count;
}

uint32_t fault_vfs_failed(void)
{
    return failed;
}
