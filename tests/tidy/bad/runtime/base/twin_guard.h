/* SPDX-License-Identifier: MPL-2.0 */
#ifndef GOOD_H
#define GOOD_H
#endif
