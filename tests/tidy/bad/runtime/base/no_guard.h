/* SPDX-License-Identifier: MPL-2.0 */
#define NO_GUARD_H
int no_guard(void);
