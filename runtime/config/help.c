/* SPDX-License-Identifier: MPL-2.0 */
#include "parse.h"

#include <string.h>

static void print_doc(FILE *to, const char *doc)
{
    for (;;) {
        size_t len = strcspn(doc, "\n");

        fprintf(to, "          %.*s\n", (int)len, doc);
        if (doc[len] == '\0')
            return;
        doc += len + 1;
    }
}

static void print_row(FILE *to, const struct cfg_row *row)
{
    const char *more = row->type == CFG_TYPE_PEERS ? "..." : "";

    if (row->letter)
        fprintf(to, "  -%c, --%s", row->letter, row->flag);
    else
        fprintf(to, "      --%s", row->flag);
    if (row->placeholder)
        fprintf(to, " <%s>%s", row->placeholder, more);
    fputc('\n', to);
    print_doc(to, row->doc);
    if (row->fallback)
        fprintf(to, "          Default: %s\n", row->fallback);
    if (row->variable)
        fprintf(to, "          Environment: %s\n", row->variable);
    fputc('\n', to);
}

void cfg_print_help(FILE *to, const char *version)
{
    fprintf(to,
            "scp2p-relay %s: a relay for SCP2P nodes that cannot reach each other\n"
            "\n"
            "Usage: scp2p-relay [OPTIONS]\n"
            "\n"
            "An option overrides its environment variable, which overrides the default.\n"
            "\n",
            version);
    for (int k = 0; k < CFG_KEY_COUNT; k++)
        print_row(to, &cfg_rows[k]);
    fputs("Signals: SIGINT or SIGTERM shuts down in order, a second one at once;\n"
          "SIGUSR1 writes all counters to the log.\n",
          to);
}
