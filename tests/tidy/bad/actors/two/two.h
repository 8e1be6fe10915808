/* SPDX-License-Identifier: MPL-2.0 */
/* One module in several files: back.c forth.c. */
#ifndef TWO_H
#define TWO_H
#endif
