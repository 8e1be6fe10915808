/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Every option of the relay, once: command line, environment and --help are made from this table.
 *
 * CFG_KEY_LIST(X): X(id, type, name, unit, min, max, fallback, flag, letter, variable, placeholder,
 *                    doc)
 *   type         how the text is read: CFG_TYPE_*
 *   name         the member of struct cfg, and the word in the log
 *   unit         of a number, "" where it has none
 *   min, max     range of a number, both included
 *   fallback     default, as an operator would write it; NULL: none, or found out at start
 *   flag, letter --flag and -l; letter 0: none
 *   variable     environment variable, NULL: none
 *   placeholder  stands for the value in --help; NULL: the option takes none
 *   doc          sentences for --help, lines broken by \n
 */
#ifndef CFG_KEYS_H
#define CFG_KEYS_H

#include "actor/actor_limits.h"

#define CFG_MEMORY_MIN (UINT64_C(16) << 20) /* eight whole frames, or nothing of use can move */
#define CFG_MEMORY_LIMIT (UINT64_C(1) << 50)
#define CFG_MAX_TUNNELS_MAX 65535u /* an announcement carries it in 16 bits */
#define CFG_INTERVAL_MIN_S 60u
#define CFG_INTERVAL_MAX_S 21600u /* an announcement lives 6 h: later, and the relay is gone */

#define CFG_KEY_LIST(X)                                                                            \
    X(CONFIG, REFUSED, "config", "", 0, 0, NULL, "config", 'c', "SCP2P_CONFIG", "FILE",            \
      "Path to a configuration file. Not supported yet: refused.")                                 \
    X(DATA_DIR, PATH, "data_dir", "", 0, 0, NULL, "data-dir", 0, "SCP2P_DATA_DIR", "DIR",          \
      "Directory of the state: identity, slot secret, values, peers (relay.db).\n"                 \
      "Default: $XDG_DATA_HOME/scp2p-relay, else ~/.local/share/scp2p-relay.")                     \
    X(BIND_TCP, LISTEN, "bind_tcp", "", 0, 0, "0.0.0.0:7001", "bind-tcp", 0, "SCP2P_BIND_TCP",     \
      "IP:PORT",                                                                                   \
      "Address of the TLS over TCP listener, such as 0.0.0.0:7001 or [::]:7001.\n"                 \
      "Port 0 takes any free one; an empty string (\"\") turns the listener off.")                 \
    X(BIND_QUIC, LISTEN, "bind_quic", "", 0, 0, "0.0.0.0:7000", "bind-quic", 0, "SCP2P_BIND_QUIC", \
      "IP:PORT", "Address of the QUIC listener; an empty string (\"\") turns it off.")             \
    X(QUIC_RETRY, CHOICE, "quic_retry", "", 0, 0, "auto", "quic-retry", 0, "SCP2P_QUIC_RETRY",     \
      "WHEN",                                                                                      \
      "When a QUIC client must prove its address before it costs memory: auto\n"                   \
      "(while many handshakes are under way) or always (one round trip more).")                    \
    X(BOOTSTRAP, PEERS, "bootstrap_peers", "", 0, 0, NULL, "bootstrap", 'b', "SCP2P_BOOTSTRAP",    \
      "ADDR",                                                                                      \
      "Peer through which to join the network; repeatable, or separated by commas.\n"              \
      "HOST:PORT, tcp://HOST:PORT or quic://HOST:PORT, with @KEY (64 hex digits)\n"                \
      "after it if the public key of the peer is known.")                                          \
    X(ANNOUNCE, PEERS, "announce_addrs", "", 0, 0, NULL, "announce", 'a', "SCP2P_ANNOUNCE_ADDRS",  \
      "ADDR",                                                                                      \
      "Public address to announce, where it differs from the bound one; repeatable,\n"             \
      "or separated by commas. tcp://IP:PORT or quic://IP:PORT.")                                  \
    X(WORKERS, NUMBER, "workers", "threads", 1, LIM_WORKERS_MAX, NULL, "workers", 0,               \
      "SCP2P_WORKERS", "N",                                                                        \
      "Worker threads, each with an event loop of its own.\n"                                      \
      "Default: one per processor, at most 16.")                                                   \
    X(MAX_TUNNELS, NUMBER, "max_tunnels", "identities", 1, CFG_MAX_TUNNELS_MAX, "64",              \
      "max-tunnels", 0, "SCP2P_MAX_TUNNELS", "N",                                                  \
      "Identities that may have a live tunnel at the same time; more are refused.")                \
    X(MEMORY_MAX, BYTES, "memory_max", "bytes", CFG_MEMORY_MIN, CFG_MEMORY_LIMIT, NULL,            \
      "memory-max", 0, "SCP2P_MEMORY_MAX", "BYTES",                                                \
      "Bytes that frames, requests and answers under way may hold; KiB, MiB, GiB or\n"             \
      "K, M, G may follow (powers of 1024). Default: a quarter of the memory.")                    \
    X(BANDWIDTH_CLASS, CHOICE, "bandwidth_class", "", 0, 0, "medium", "bandwidth-class", 0,        \
      "SCP2P_BANDWIDTH_CLASS", "CLASS",                                                            \
      "What is announced of this relay's line: low, medium or high.")                              \
    X(ANNOUNCE_INTERVAL, NUMBER, "announce_interval_secs", "seconds", CFG_INTERVAL_MIN_S,          \
      CFG_INTERVAL_MAX_S, "1800", "announce-interval-secs", 0, "SCP2P_ANNOUNCE_INTERVAL_SECS",     \
      "SECS", "Seconds between two announcements of this relay to the network.")                   \
    X(LOG_LEVEL, CHOICE, "log_level", "", 0, 0, "info", "log-level", 0, "SCP2P_LOG_LEVEL",         \
      "LEVEL", "What is logged: trace, debug, info, warn or error and above.")                     \
    X(LOG_FORMAT, CHOICE, "log_format", "", 0, 0, "text", "log-format", 0, "SCP2P_LOG_FORMAT",     \
      "FORMAT", "Form of a log line: text or json.")                                               \
    X(VERSION, ACTION, "version", "", 0, 0, NULL, "version", 'V', NULL, NULL,                      \
      "Print the version and exit.")                                                               \
    X(HELP, ACTION, "help", "", 0, 0, NULL, "help", 'h', NULL, NULL, "Print this help and exit.")

enum cfg_key {
#define X(id, ...) CFG_KEY_##id,
    CFG_KEY_LIST(X)
#undef X
        CFG_KEY_COUNT
};

#endif
