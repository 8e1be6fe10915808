/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The operator's options: command line first, then environment, then defaults; all from the one
 * table in keys.h. Read once, before threads start; constant from then on.
 *
 * On the command line an option is written --name VALUE or --name=VALUE (short: -n VALUE, -nVALUE,
 * -n=VALUE); one that takes several values takes all arguments up to the next option, may be given
 * again, and splits each at commas. An environment variable that is set but empty counts as not
 * set, but for the bind addresses, where empty turns the listener off.
 */
#ifndef CFG_CONFIG_H
#define CFG_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "abi/relay_transport.h" /* struct relay_error, enum relay_log_level */
#include "base/err.h"
#include "base/log.h"
#include "keys.h"

#define CFG_PEERS_MAX 32u
#define CFG_PEER_TEXT_MAX 360u /* scheme, host, port and key, with room */
#define CFG_HOST_MAX 256u

enum cfg_action { CFG_RUN, CFG_PRINT_HELP, CFG_PRINT_VERSION };
enum cfg_retry { CFG_RETRY_AUTO, CFG_RETRY_ALWAYS };
enum cfg_bandwidth { CFG_BANDWIDTH_LOW, CFG_BANDWIDTH_MEDIUM, CFG_BANDWIDTH_HIGH };
enum cfg_scheme { CFG_TCP, CFG_QUIC };

struct cfg_listen {
    bool is_enabled;
    struct sockaddr_storage addr;
    socklen_t addr_len;
};

struct cfg_peer {
    char text[CFG_PEER_TEXT_MAX]; /* as written: pins are kept under it */
    enum cfg_scheme scheme;       /* tcp where none was written */
    char host[CFG_HOST_MAX];      /* name or address, without brackets */
    uint16_t port;
    bool is_literal; /* host is an address: addr is set */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    bool has_key;
    uint8_t key[32];
};

struct cfg_peers {
    uint32_t count;
    struct cfg_peer at[CFG_PEERS_MAX];
};

struct cfg {
    enum cfg_action action; /* not CFG_RUN: the rest is not filled in */
    char data_dir[PATH_MAX];
    struct cfg_listen bind_tcp, bind_quic;
    enum cfg_retry quic_retry;
    struct cfg_peers bootstrap_peers, announce_addrs;
    uint16_t workers;
    uint32_t max_tunnels;
    uint64_t memory_max; /* bytes */
    enum cfg_bandwidth bandwidth_class;
    uint32_t announce_interval_secs;
    enum relay_log_level log_level;
    enum rt_log_format log_format;
    uint32_t given; /* bit per enum cfg_key: written by the operator */
};

/*
 * Fills *out from argv[1 ..] and envp (both NULL-terminated). RT_ERR_MALFORMED: *err names the
 * option or variable, its value, and what would be right; *out is untouched. The file system is
 * looked at only for the size of the machine.
 */
RT_MUST_CHECK rt_err cfg_load(int argc, char *const argv[], char *const envp[], struct cfg *out,
                              struct relay_error *err);

/* Options, variables and defaults, for a person. */
void cfg_print_help(FILE *to, const char *version);

/* "192.0.2.1:7001" or "[2001:db8::1]:7001"; cap >= 64. */
void cfg_addr_text(const struct sockaddr_storage *addr, char *out, size_t cap);

#endif
