/* SPDX-License-Identifier: MPL-2.0 */
#include "actor/actor.h"
#include "actor.h"
#include <ck_stack.h>
