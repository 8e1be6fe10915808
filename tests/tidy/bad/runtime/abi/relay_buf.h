/* SPDX-License-Identifier: MPL-2.0 */
#ifndef RELAY_BUF_H
#define RELAY_BUF_H
#include "base/good.h"
#endif
