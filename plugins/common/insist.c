/* SPDX-License-Identifier: MPL-2.0 */
#include "insist.h"

#include <stdio.h>
#include <stdlib.h>

void plugin_insist_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "plugin: INSIST(%s) failed at %s:%d\n", expr, file, line);
    abort();
}
