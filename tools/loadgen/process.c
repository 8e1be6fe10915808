/* SPDX-License-Identifier: MPL-2.0 */
#include "process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool read_file(int pid, const char *name, char *out, size_t cap)
{
    char path[64];
    FILE *f;
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    f = fopen(path, "r");
    if (!f)
        return false;
    n = fread(out, 1, cap - 1, f);
    fclose(f);
    out[n] = '\0';
    return n > 0;
}

static uint64_t written_bytes(int pid)
{
    char text[512];
    const char *line;
    uint64_t n;

    if (!read_file(pid, "io", text, sizeof(text)))
        return 0;
    line = strstr(text, "\nwrite_bytes:");
    return line && sscanf(line, " write_bytes: %" SCNu64, &n) == 1 ? n : 0;
}

bool process_usage(int pid, struct process_usage *out)
{
    char text[2048];
    const char *after;
    uint64_t user, system, pages;

    if (pid <= 0 || !read_file(pid, "stat", text, sizeof(text)))
        return false;
    after = strrchr(text, ')');
    if (!after ||
        sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
               &user, &system) != 2)
        return false;
    if (!read_file(pid, "statm", text, sizeof(text)) || sscanf(text, "%*u %" SCNu64, &pages) != 1)
        return false;
    out->cpu_s = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    out->rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    out->written_bytes = written_bytes(pid);
    return true;
}
