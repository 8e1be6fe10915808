/* SPDX-License-Identifier: MPL-2.0 */
#include "actor/actor.h"
#include "nowhere.h"
#include <assert.h>
#include <uv.h>
#include "actor/actor_limits.h"
