/* SPDX-License-Identifier: MPL-2.0 */
#ifndef P_H
#define P_H
#endif
