/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Inside runtime/config: the table's rows and the parsers of single values. A parser gets the text
 * and says what is wrong with it as the end of a sentence ("is not an address: give IP:PORT"); the
 * caller puts the option's name and the value in front.
 */
#ifndef CFG_PARSE_H
#define CFG_PARSE_H

#include "config.h"

enum cfg_type {
    CFG_TYPE_ACTION,
    CFG_TYPE_REFUSED,
    CFG_TYPE_PATH,
    CFG_TYPE_LISTEN,
    CFG_TYPE_PEERS,
    CFG_TYPE_NUMBER,
    CFG_TYPE_BYTES,
    CFG_TYPE_CHOICE,
};

struct cfg_row {
    enum cfg_type type;
    const char *name, *unit;
    uint64_t min, max;
    const char *fallback, *flag;
    char letter;
    const char *variable, *placeholder;
    const char *doc;
};

extern const struct cfg_row cfg_rows[CFG_KEY_COUNT];

/* The fault of a value; the end of an error sentence. */
struct cfg_fault {
    char text[160];
};

bool cfg_parse_number(const struct cfg_row *row, const char *text, uint64_t *out,
                      struct cfg_fault *fault);
bool cfg_parse_bytes(const struct cfg_row *row, const char *text, uint64_t *out,
                     struct cfg_fault *fault);
/* IP:PORT, or "" for off. */
bool cfg_parse_listen(const char *text, struct cfg_listen *out, struct cfg_fault *fault);
/* A bootstrap peer, or (needs_address) an address to announce. */
bool cfg_parse_peer(const char *text, bool needs_address, struct cfg_peer *out,
                    struct cfg_fault *fault);
/* The value of a CFG_TYPE_CHOICE key, any case. */
bool cfg_parse_choice(enum cfg_key key, const char *text, int *out, struct cfg_fault *fault);

/* -- the machine; root is "" but in tests -- */

/* Processors this process may run on; at least 1. */
uint32_t cfg_machine_cores(void);
/* Bytes of RAM, or of the memory limit of the control group (v1, v2) or one above it, if less. */
uint64_t cfg_machine_memory(const char *root);

#endif
