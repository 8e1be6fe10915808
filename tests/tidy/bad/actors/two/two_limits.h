/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TWO_LIMITS_H
#define TWO_LIMITS_H
#endif
