/* SPDX-License-Identifier: MPL-2.0 */
#ifndef WIRE_H
#define WIRE_H
#include "base/good.h"
#include "one/one_msg.h"
#endif
