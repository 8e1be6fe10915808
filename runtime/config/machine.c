/* SPDX-License-Identifier: MPL-2.0 */
#include "parse.h"

#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

uint32_t cfg_machine_cores(void)
{
    cpu_set_t set;
    long online;

    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        return (uint32_t)CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint32_t)online : 1;
}

/* The number in a control file; UINT64_MAX when there is none ("max", no such file). */
static uint64_t read_limit(const char *path)
{
    uint64_t v = UINT64_MAX;
    FILE *f = fopen(path, "re");

    if (!f)
        return v;
    if (fscanf(f, "%" SCNu64, &v) != 1)
        v = UINT64_MAX;
    fclose(f);
    return v;
}

/* The smallest limit of the group and all above it, up to the mount itself: in a container the
 * group's path may be the host's, and only the mount's own file is there. */
static uint64_t walk_limits(const char *mount, const char *group, const char *file)
{
    uint64_t least = UINT64_MAX;
    char dir[PATH_MAX], path[2 * PATH_MAX];

    snprintf(dir, sizeof(dir), "%s", group);
    for (;;) {
        char *slash = strrchr(dir, '/');
        uint64_t v;

        snprintf(path, sizeof(path), "%s%s/%s", mount, dir, file);
        v = read_limit(path);
        if (v < least)
            least = v;
        if (!slash)
            return least;
        *slash = '\0';
    }
}

/* True if `name` is in a comma-separated list. */
static bool has_controller(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = list; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (strncmp(p, name, len) == 0 && (p[len] == ',' || p[len] == '\0'))
            return true;
    }
    return false;
}

static uint64_t cgroup_limit(const char *root)
{
    uint64_t least = UINT64_MAX;
    char mount[PATH_MAX], line[PATH_MAX];
    FILE *f;

    snprintf(line, sizeof(line), "%s/proc/self/cgroup", root);
    f = fopen(line, "re");
    if (!f)
        return least;
    while (fgets(line, sizeof(line), f)) { /* ID:CONTROLLERS:PATH */
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        uint64_t v = UINT64_MAX;

        if (!path)
            continue;
        *controllers++ = *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        if (*controllers == '\0') {
            snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup", root);
            v = walk_limits(mount, path, "memory.max");
        } else if (has_controller(controllers, "memory")) {
            snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup/memory", root);
            v = walk_limits(mount, path, "memory.limit_in_bytes");
        }
        if (v < least)
            least = v;
    }
    fclose(f);
    return least;
}

uint64_t cfg_machine_memory(const char *root)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t ram = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_C(1) << 30;
    uint64_t limit = cgroup_limit(root);

    return limit < ram ? limit : ram;
}
