/* SPDX-License-Identifier: MPL-2.0 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void rt_check_failed(const char *kind, const char *expr, const char *file, int line)
{
    char text[512];
    int n = snprintf(text, sizeof text, "%s failed: %s (%s:%d)\n", kind, expr, file, line);

    if (n >= (int)sizeof text)
        n = (int)sizeof text - 1;
    /* One plain write: stdio's locks may be held by the thread that failed. */
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
        abort();
    abort();
}
