/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TWO_H
#define TWO_H
#endif
