/* SPDX-License-Identifier: MPL-2.0 */
#include "abi/relay_buf.h"
#include "base/good.h"
#include "p.h"
#include "actor/actor.h"
#include "one/one_msg.h"
#include <uv.h>
#include <ngtcp2/ngtcp2.h>
