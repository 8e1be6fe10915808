/* SPDX-License-Identifier: MPL-2.0 */
/* scp2p-relay. Exit codes: 0 done, 1 could not start, 2 a bad option, 128 + n ended by a second
 * signal. */
#include <stdio.h>
#include <unistd.h>

#include "daemon.h"
#include "config/config.h"

#define EXIT_BAD_OPTION 2

int main(int argc, char **argv)
{
    static struct cfg cfg;
    struct relay_error err = {""};

    if (cfg_load(argc, argv, environ, &cfg, &err) != RT_ERR_OK) {
        fprintf(stderr, "scp2p-relay: %s\n", err.text);
        return EXIT_BAD_OPTION;
    }
    switch (cfg.action) {
    case CFG_PRINT_HELP:
        cfg_print_help(stdout, RELAY_VERSION);
        return 0;
    case CFG_PRINT_VERSION:
        puts("scp2p-relay " RELAY_VERSION);
        return 0;
    default:
        return daemon_run(&cfg);
    }
}
