/* SPDX-License-Identifier: MPL-2.0 */
/* strcpy(), sprintf( and a "quote in prose are no calls. */
#ifndef GOOD_H
#define GOOD_H
#include <stdint.h>
int good_time(void);
#endif
