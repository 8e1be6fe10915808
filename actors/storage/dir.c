/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define LOCK_NAME "relay.lock"

static rt_err system_error(const char *what, const char *path, const char *help,
                           struct relay_error *err)
{
    snprintf(err->text, sizeof(err->text), "%s %.80s: %.40s; %s", what, path, strerror(errno),
             help);
    return RT_ERR_SYSTEM;
}

/* Makes path and whatever is missing above it. */
static int make_directories(const char *path)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST && errno != EISDIR && errno != EROFS)
            return -1;
        part[i] = path[i];
    }
    return 0;
}

/* The process that holds the lock wrote its id into the file. */
static rt_err locked_by_another(const struct storage_dir *d, struct relay_error *err)
{
    char pid[16] = "";
    ssize_t n = pread(d->lock_fd, pid, sizeof(pid) - 1, 0);

    pid[n > 0 ? n : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    snprintf(
        err->text, sizeof(err->text),
        "another relay (process %s) uses the data directory %.110s: stop it, or give this one a "
        "directory of its own with --data-dir",
        *pid ? pid : "unknown", d->path);
    return RT_ERR_REFUSED;
}

static rt_err take_lock(struct storage_dir *d, struct relay_error *err)
{
    char pid[16];
    int n;

    d->lock_fd = openat(d->fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock_fd < 0)
        return system_error("cannot write to the data directory", d->path,
                            "make it writable for this user, or give another with --data-dir", err);
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return locked_by_another(d, err);
        return system_error("cannot lock the data directory", d->path,
                            "put it on a file system with locks", err);
    }
    /* For the sentence above only: a full disk does without. */
    n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (pwrite(d->lock_fd, pid, (size_t)n, 0) == n)
        (void)!ftruncate(d->lock_fd, n);
    return RT_ERR_OK;
}

rt_err storage_dir_open(const char *path, struct storage_dir *out, struct relay_error *err)
{
    struct storage_dir d = {.fd = -1, .lock_fd = -1};
    rt_err e;

    if (*path == '\0' || strlen(path) + NAME_MAX >= sizeof(d.path)) {
        snprintf(err->text, sizeof(err->text), "the data directory's path is %s: give another",
                 *path ? "too long" : "empty");
        return RT_ERR_SYSTEM;
    }
    memcpy(d.path, path, strlen(path) + 1);
    if (make_directories(path) != 0)
        return system_error("cannot make the data directory", path,
                            "make it yourself, or give another with --data-dir", err);
    d.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d.fd < 0)
        return system_error("cannot open the data directory", path,
                            "make it readable for this user, or give another with --data-dir", err);
    storage_dir_warn_mode(&d, "");
    e = take_lock(&d, err);
    if (e)
        storage_dir_close(&d);
    else
        *out = d;
    return e;
}

void storage_dir_close(struct storage_dir *d)
{
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = d->lock_fd = -1;
}

void storage_dir_path(const struct storage_dir *d, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/%s", PATH_MAX - NAME_MAX - 2, d->path, name);
}

bool storage_dir_has(const struct storage_dir *d, const char *name)
{
    struct stat st;

    return fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

rt_err storage_dir_size(const struct storage_dir *d, const char *name, uint64_t *out,
                        struct relay_error *err)
{
    char path[PATH_MAX];
    struct stat st;

    storage_dir_path(d, name, path);
    if (stat(path, &st) == 0) {
        *out = (uint64_t)st.st_size;
        return RT_ERR_OK;
    }
    if (errno == ENOENT)
        return RT_ERR_NOT_FOUND;
    snprintf(err->text, sizeof(err->text), "cannot reach the state database %.110s: %.50s", path,
             strerror(errno));
    return RT_ERR_SYSTEM;
}

rt_err storage_dir_create(const struct storage_dir *d, const char *name, struct relay_error *err)
{
    int fd = openat(d->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return system_error("cannot make a file in the data directory", d->path,
                            "check its owner and the space on its disk", err);
    close(fd);
    return RT_ERR_OK;
}

void storage_dir_remove(const struct storage_dir *d, const char *name)
{
    (void)unlinkat(d->fd, name, 0);
}

rt_err storage_dir_rename(const struct storage_dir *d, const char *from, const char *to,
                          struct relay_error *err)
{
    if (renameat(d->fd, from, d->fd, to) != 0 || fsync(d->fd) != 0)
        return system_error("cannot write to the data directory", d->path,
                            "check its owner and the space on its disk", err);
    return RT_ERR_OK;
}

void storage_dir_warn_mode(const struct storage_dir *d, const char *name)
{
    bool is_dir = *name == '\0';
    struct stat st;

    if ((is_dir ? fstat(d->fd, &st) : fstatat(d->fd, name, &st, 0)) != 0 || !(st.st_mode & 077))
        return;
    rt_log(RELAY_LOG_WARN, "other users may reach the relay's private key",
           "path=\"%s%s%s\" mode=%04o expected=%s", d->path, is_dir ? "" : "/", name,
           (unsigned)st.st_mode & 07777u, is_dir ? "0700" : "0600");
}
