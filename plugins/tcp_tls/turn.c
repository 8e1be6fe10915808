/* SPDX-License-Identifier: MPL-2.0 */
#include "turn.h"

#include "conn.h"

static void run_end_of_turn(struct tls_worker *tw)
{
    tls_input_run_ready(tw);
    tls_output_run_dirty(tw);
    tls_input_run_handshakes(tw);
    tls_output_run_dirty(tw);
}

const struct tls_hooks tls_turn_hooks = {
    .end_of_turn = run_end_of_turn,
    .write = tls_output_write,
};
