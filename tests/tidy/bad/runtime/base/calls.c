/* SPDX-License-Identifier: MPL-2.0 */
#include "base/good.h"

#include <string.h>

void calls(char *out, const char *in, struct clocks *c)
{
    strcpy(out, in);
    strcat (out, in);
    sprintf(out, "%s", in);
    n = atoi(in) + rand();
    c->time(c);
    c.rand(c);
    /* gets(in) in a comment
       usleep(1) and on */ usleep(1);
    log("strtok(in) in a string \" strtok(in)");
    now = time(NULL); // dlclose(handle)
    clock_gettime(CLOCK_MONOTONIC, &ts);
}
