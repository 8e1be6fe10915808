/* SPDX-License-Identifier: MPL-2.0 */
#include "base/err.h"

const char *rt_err_text(rt_err e)
{
    static const char *const texts[] = {
#define X(name, text) text,
        RT_ERR_LIST(X)
#undef X
    };

    if ((unsigned)e >= sizeof texts / sizeof texts[0])
        return "unknown error";
    return texts[e];
}
