/* SPDX-License-Identifier: MPL-2.0 */
#include "disk.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "storage/dir.h"
#include "world.h"

#define SHARED_MAX 64u /* regions of the index of a write-ahead log */

struct file {
    struct file *next;
    char *path; /* NULL: temporary */
    uint8_t *bytes;
    size_t len, room;
    void *shared[SHARED_MAX];
    bool is_locked; /* the lock of a directory */
};

/* SQLite's view of an open file. */
struct handle {
    sqlite3_file base;
    struct file *file;
    bool deletes; /* on close */
};

static struct {
    pthread_mutex_t lock; /* guards the list */
    struct file *files;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* -- files -- */

static struct file *find_locked(const char *path)
{
    struct file *f = disk.files;

    while (f && strcmp(f->path, path) != 0)
        f = f->next;
    return f;
}

static struct file *find(const char *path)
{
    struct file *f;

    pthread_mutex_lock(&disk.lock);
    f = find_locked(path);
    pthread_mutex_unlock(&disk.lock);
    return f;
}

static struct file *file_new(const char *path)
{
    struct file *f = sim_alloc(sizeof(*f));

    if (path) {
        f->path = strdup(path);
        RT_INSIST(f->path);
    }
    return f;
}

static void free_shared(struct file *f)
{
    for (size_t i = 0; i < SHARED_MAX; i++) {
        free(f->shared[i]);
        f->shared[i] = NULL;
    }
}

static void file_free(struct file *f)
{
    free_shared(f);
    free(f->bytes);
    free(f->path);
    free(f);
}

static struct file *find_or_create(const char *path)
{
    struct file *f;

    pthread_mutex_lock(&disk.lock);
    f = find_locked(path);
    if (!f) {
        f = file_new(path);
        f->next = disk.files;
        disk.files = f;
    }
    pthread_mutex_unlock(&disk.lock);
    return f;
}

static bool remove_file(const char *path)
{
    struct file **at, *f;

    pthread_mutex_lock(&disk.lock);
    for (at = &disk.files; *at && strcmp((*at)->path, path) != 0; at = &(*at)->next)
        continue;
    f = *at;
    if (f)
        *at = f->next;
    pthread_mutex_unlock(&disk.lock);
    if (f)
        file_free(f);
    return f != NULL;
}

/* Bytes from the old end to the new one are zero. */
static void resize(struct file *f, size_t len)
{
    if (len > f->room) {
        f->room = 2 * len;
        f->bytes = realloc(f->bytes, f->room);
        RT_INSIST(f->bytes);
    }
    if (len > f->len)
        memset(f->bytes + f->len, 0, len - f->len);
    f->len = len;
}

/* -- sqlite3_io_methods -- */

static struct file *file_of(sqlite3_file *f)
{
    return ((struct handle *)f)->file;
}

static int io_close(sqlite3_file *f)
{
    struct handle *h = (struct handle *)f;

    if (!h->file->path)
        file_free(h->file);
    else if (h->deletes)
        (void)remove_file(h->file->path);
    return SQLITE_OK;
}

static int io_read(sqlite3_file *f, void *out, int len, sqlite3_int64 at)
{
    const struct file *file = file_of(f);
    size_t begin = (size_t)at, n = (size_t)len, have = 0;

    if (begin < file->len)
        have = file->len - begin < n ? file->len - begin : n;
    if (have)
        memcpy(out, file->bytes + begin, have);
    memset((uint8_t *)out + have, 0, n - have);
    return have == n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int io_write(sqlite3_file *f, const void *bytes, int len, sqlite3_int64 at)
{
    struct file *file = file_of(f);
    size_t end = (size_t)at + (size_t)len;

    if (end > file->len)
        resize(file, end);
    memcpy(file->bytes + at, bytes, (size_t)len);
    return SQLITE_OK;
}

static int io_truncate(sqlite3_file *f, sqlite3_int64 len)
{
    resize(file_of(f), (size_t)len);
    return SQLITE_OK;
}

static int io_sync(sqlite3_file *f, int flags)
{
    (void)f, (void)flags;
    return SQLITE_OK;
}

static int io_size(sqlite3_file *f, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)file_of(f)->len;
    return SQLITE_OK;
}

static int io_lock(sqlite3_file *f, int level)
{
    (void)f, (void)level;
    return SQLITE_OK;
}

static int io_is_reserved(sqlite3_file *f, int *out)
{
    (void)f;
    *out = 0;
    return SQLITE_OK;
}

static int io_control(sqlite3_file *f, int op, void *arg)
{
    (void)f, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int io_sector(sqlite3_file *f)
{
    (void)f;
    return 4096;
}

static int io_traits(sqlite3_file *f)
{
    (void)f;
    return 0;
}

static int io_share(sqlite3_file *f, int region, int size, int extends, void volatile **out)
{
    struct file *file = file_of(f);

    RT_INSIST((unsigned)region < SHARED_MAX);
    if (!file->shared[region] && extends)
        file->shared[region] = sim_alloc((size_t)size);
    *out = file->shared[region];
    return SQLITE_OK;
}

static int io_share_lock(sqlite3_file *f, int offset, int n, int flags)
{
    (void)f, (void)offset, (void)n, (void)flags;
    return SQLITE_OK;
}

static void io_barrier(sqlite3_file *f)
{
    (void)f;
}

static int io_unshare(sqlite3_file *f, int deletes)
{
    (void)deletes;
    free_shared(file_of(f));
    return SQLITE_OK;
}

static const sqlite3_io_methods io_methods = {.iVersion = 2,
                                              .xClose = io_close,
                                              .xRead = io_read,
                                              .xWrite = io_write,
                                              .xTruncate = io_truncate,
                                              .xSync = io_sync,
                                              .xFileSize = io_size,
                                              .xLock = io_lock,
                                              .xUnlock = io_lock,
                                              .xCheckReservedLock = io_is_reserved,
                                              .xFileControl = io_control,
                                              .xSectorSize = io_sector,
                                              .xDeviceCharacteristics = io_traits,
                                              .xShmMap = io_share,
                                              .xShmLock = io_share_lock,
                                              .xShmBarrier = io_barrier,
                                              .xShmUnmap = io_unshare};

/* -- sqlite3_vfs -- */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
    struct handle *h = (struct handle *)f;

    (void)vfs;
    *h = (struct handle){.deletes = flags & SQLITE_OPEN_DELETEONCLOSE};
    if (!path)
        h->file = file_new(NULL);
    else
        h->file = flags & SQLITE_OPEN_CREATE ? find_or_create(path) : find(path);
    if (!h->file)
        return SQLITE_CANTOPEN;
    h->base.pMethods = &io_methods;
    if (out_flags)
        *out_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int syncs)
{
    (void)vfs, (void)syncs;
    return remove_file(path) ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

/* As the system's: an empty file does not exist for SQLITE_ACCESS_EXISTS. */
static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    const struct file *f = find(path);

    (void)vfs;
    *out = f && (flags != SQLITE_ACCESS_EXISTS || f->len > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int cap, char *out)
{
    (void)vfs;
    return snprintf(out, (size_t)cap, "%s", path) < cap ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_random(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs;
    memset(out, 1, (size_t)len);
    return len;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

/* Milliseconds of the Julian calendar. */
static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    (void)vfs;
    *out = (sqlite3_int64)(SIM_WALL_START_S * 1000) + INT64_C(210866760000000);
    return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
    sqlite3_int64 ms;

    (void)vfs_time_ms(vfs, &ms);
    *out = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int cap, char *out)
{
    (void)vfs, (void)cap, (void)out;
    return 0;
}

void sim_disk_init(void)
{
    static sqlite3_vfs vfs = {.iVersion = 2,
                              .szOsFile = sizeof(struct handle),
                              .mxPathname = 512,
                              .zName = "sim",
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_full_path,
                              .xRandomness = vfs_random,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time,
                              .xGetLastError = vfs_last_error,
                              .xCurrentTimeInt64 = vfs_time_ms};

    RT_INSIST(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

void sim_disk_clear(void)
{
    while (disk.files)
        (void)remove_file(disk.files->path);
}

/* -- storage/dir.h -- */

rt_err storage_dir_open(const char *path, struct storage_dir *out, struct relay_error *err)
{
    struct storage_dir d = {.fd = -1, .lock_fd = -1};
    char lock_path[PATH_MAX];
    struct file *lock;

    snprintf(d.path, sizeof(d.path), "%s", path);
    storage_dir_path(&d, "relay.lock", lock_path);
    lock = find_or_create(lock_path);
    if (lock->is_locked) {
        snprintf(err->text, sizeof(err->text), "another relay uses the data directory %s", path);
        return RT_ERR_REFUSED;
    }
    lock->is_locked = true;
    d.lock_fd = 0;
    *out = d;
    return RT_ERR_OK;
}

void storage_dir_close(struct storage_dir *d)
{
    char lock_path[PATH_MAX];

    if (d->lock_fd < 0)
        return;
    storage_dir_path(d, "relay.lock", lock_path);
    find(lock_path)->is_locked = false;
    d->lock_fd = -1;
}

void storage_dir_path(const struct storage_dir *d, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/%s", PATH_MAX - NAME_MAX - 2, d->path, name);
}

bool storage_dir_has(const struct storage_dir *d, const char *name)
{
    char path[PATH_MAX];

    storage_dir_path(d, name, path);
    return find(path) != NULL;
}

rt_err storage_dir_size(const struct storage_dir *d, const char *name, uint64_t *out,
                        struct relay_error *err)
{
    char path[PATH_MAX];
    const struct file *f;

    (void)err;
    storage_dir_path(d, name, path);
    f = find(path);
    if (!f)
        return RT_ERR_NOT_FOUND;
    *out = f->len;
    return RT_ERR_OK;
}

rt_err storage_dir_create(const struct storage_dir *d, const char *name, struct relay_error *err)
{
    char path[PATH_MAX];

    (void)err;
    storage_dir_path(d, name, path);
    (void)find_or_create(path);
    return RT_ERR_OK;
}

void storage_dir_remove(const struct storage_dir *d, const char *name)
{
    char path[PATH_MAX];

    storage_dir_path(d, name, path);
    (void)remove_file(path);
}

rt_err storage_dir_rename(const struct storage_dir *d, const char *from, const char *to,
                          struct relay_error *err)
{
    char from_path[PATH_MAX], to_path[PATH_MAX];
    struct file *f;

    (void)err;
    storage_dir_path(d, from, from_path);
    storage_dir_path(d, to, to_path);
    (void)remove_file(to_path);
    f = find(from_path);
    RT_INSIST(f);
    free(f->path);
    f->path = strdup(to_path);
    RT_INSIST(f->path);
    return RT_ERR_OK;
}

void storage_dir_warn_mode(const struct storage_dir *d, const char *name)
{
    (void)d, (void)name;
}
