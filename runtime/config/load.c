/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: the caller's struct is written only when all options are valid. Every refusal writes
 * one sentence to *err.
 */
#include "parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

const struct cfg_row cfg_rows[CFG_KEY_COUNT] = {
#define X(id, type, ...) [CFG_KEY_##id] = {CFG_TYPE_##type, __VA_ARGS__},
    CFG_KEY_LIST(X)
#undef X
};

_Static_assert(CFG_KEY_COUNT <= 32, "cfg.given has a bit for each key");

/* One load under way. source: the option as written or the variable, for the sentence. */
struct load {
    struct cfg *c;
    struct relay_error *err;
};

static bool complain(struct load *l, const char *source, const char *value, const char *fault)
{
    snprintf(l->err->text, sizeof(l->err->text), "%.40s \"%.70s\" %.135s", source, value, fault);
    return false;
}

static void store_number(struct cfg *c, enum cfg_key key, uint64_t v)
{
    switch (key) {
    case CFG_KEY_WORKERS:
        c->workers = (uint16_t)v;
        break;
    case CFG_KEY_MAX_TUNNELS:
        c->max_tunnels = (uint32_t)v;
        break;
    case CFG_KEY_MEMORY_MAX:
        c->memory_max = v;
        break;
    default:
        RT_INSIST(key == CFG_KEY_ANNOUNCE_INTERVAL);
        c->announce_interval_secs = (uint32_t)v;
    }
}

static void store_choice(struct cfg *c, enum cfg_key key, int v)
{
    switch (key) {
    case CFG_KEY_LOG_LEVEL:
        c->log_level = (enum relay_log_level)v;
        break;
    case CFG_KEY_LOG_FORMAT:
        c->log_format = (enum rt_log_format)v;
        break;
    case CFG_KEY_QUIC_RETRY:
        c->quic_retry = (enum cfg_retry)v;
        break;
    default:
        RT_INSIST(key == CFG_KEY_BANDWIDTH_CLASS);
        c->bandwidth_class = (enum cfg_bandwidth)v;
    }
}

static bool set_path(const char *value, char out[PATH_MAX], struct cfg_fault *fault)
{
    if (*value == '\0' || strlen(value) >= PATH_MAX) {
        snprintf(fault->text, sizeof(fault->text), "is %s: give the path of a directory",
                 *value ? "too long" : "empty");
        return false;
    }
    memcpy(out, value, strlen(value) + 1);
    return true;
}

/* Appends the comma-separated peers of value; empty ones are skipped. */
static bool add_peers(struct load *l, enum cfg_key key, const char *source, const char *value)
{
    struct cfg_peers *list =
        key == CFG_KEY_ANNOUNCE ? &l->c->announce_addrs : &l->c->bootstrap_peers;
    struct cfg_fault fault;

    while (*value) {
        size_t len = strcspn(value, ",");
        char one[CFG_PEER_TEXT_MAX + 1];

        snprintf(one, sizeof(one), "%.*s", (int)(len < CFG_PEER_TEXT_MAX ? len : CFG_PEER_TEXT_MAX),
                 value);
        value += len + (value[len] == ',');
        if (len == 0)
            continue;
        if (list->count == CFG_PEERS_MAX) {
            snprintf(fault.text, sizeof(fault.text), "is one too many: give at most %u",
                     CFG_PEERS_MAX);
            return complain(l, source, one, fault.text);
        }
        if (!cfg_parse_peer(one, key == CFG_KEY_ANNOUNCE, &list->at[list->count], &fault))
            return complain(l, source, one, fault.text);
        list->count++;
    }
    return true;
}

static bool set_value(struct load *l, enum cfg_key key, const char *source, const char *value)
{
    const struct cfg_row *row = &cfg_rows[key];
    struct cfg_fault fault;
    uint64_t number;
    int choice;
    bool ok = false;

    switch (row->type) {
    case CFG_TYPE_REFUSED:
        snprintf(
            fault.text, sizeof(fault.text),
            "cannot be read: configuration files are not supported yet, use options or SCP2P_*");
        break;
    case CFG_TYPE_PATH:
        ok = set_path(value, l->c->data_dir, &fault);
        break;
    case CFG_TYPE_LISTEN:
        ok = cfg_parse_listen(value, key == CFG_KEY_BIND_TCP ? &l->c->bind_tcp : &l->c->bind_quic,
                              &fault);
        break;
    case CFG_TYPE_PEERS:
        return add_peers(l, key, source, value);
    case CFG_TYPE_NUMBER:
    case CFG_TYPE_BYTES:
        ok = row->type == CFG_TYPE_NUMBER ? cfg_parse_number(row, value, &number, &fault)
                                          : cfg_parse_bytes(row, value, &number, &fault);
        if (ok)
            store_number(l->c, key, number);
        break;
    case CFG_TYPE_CHOICE:
        ok = cfg_parse_choice(key, value, &choice, &fault);
        if (ok)
            store_choice(l->c, key, choice);
        break;
    case CFG_TYPE_ACTION:
        l->c->action = key == CFG_KEY_HELP ? CFG_PRINT_HELP : CFG_PRINT_VERSION;
        return true;
    }
    return ok || complain(l, source, value, fault.text);
}

/* -- command line -- */

/* An argument taken apart: which key, what was written of its name, and a value behind it if any.
 */
struct option {
    enum cfg_key key;
    char written[64];
    const char *value; /* NULL: none in this argument */
};

static bool match_long(const char *arg, struct option *out)
{
    size_t len = strcspn(arg + 2, "=");

    for (int k = 0; k < CFG_KEY_COUNT; k++) {
        if (strlen(cfg_rows[k].flag) == len && memcmp(cfg_rows[k].flag, arg + 2, len) == 0) {
            out->key = (enum cfg_key)k;
            snprintf(out->written, sizeof(out->written), "--%s", cfg_rows[k].flag);
            out->value = arg[2 + len] == '=' ? arg + 3 + len : NULL;
            return true;
        }
    }
    return false;
}

static bool match_short(const char *arg, struct option *out)
{
    for (int k = 0; k < CFG_KEY_COUNT; k++) {
        if (arg[1] == '\0' || cfg_rows[k].letter != arg[1])
            continue;
        out->key = (enum cfg_key)k;
        snprintf(out->written, sizeof(out->written), "-%c", arg[1]);
        out->value = arg[2] == '\0' ? NULL : arg + 2 + (arg[2] == '=');
        return true;
    }
    return false;
}

/* A dash in front of anything but a number: an option, not a value. */
static bool looks_like_option(const char *arg)
{
    return arg[0] == '-' && arg[1] != '\0' && !(arg[1] >= '0' && arg[1] <= '9');
}

static bool match(struct load *l, const char *arg, struct option *out)
{
    const char *what = looks_like_option(arg) ? "unknown option" : "unexpected argument";

    if (looks_like_option(arg) && (arg[1] == '-' ? match_long(arg, out) : match_short(arg, out)))
        return true;
    snprintf(l->err->text, sizeof(l->err->text),
             "%s \"%.90s\": scp2p-relay --help lists the options", what, arg);
    return false;
}

/* The values of a repeatable option: its own, or all arguments up to the next option. */
static bool take_peers(struct load *l, const struct option *o, int argc, char *const argv[], int *i)
{
    if (o->value)
        return set_value(l, o->key, o->written, o->value);
    while (*i + 1 < argc && !looks_like_option(argv[*i + 1])) {
        if (!set_value(l, o->key, o->written, argv[++*i]))
            return false;
    }
    return true;
}

static bool take_option(struct load *l, const struct option *o, int argc, char *const argv[],
                        int *i)
{
    const struct cfg_row *row = &cfg_rows[o->key];
    const char *value = o->value;
    bool is_again = l->c->given & 1u << o->key;

    l->c->given |= 1u << o->key;
    if (row->type == CFG_TYPE_PEERS)
        return take_peers(l, o, argc, argv, i);
    if (row->type == CFG_TYPE_ACTION) {
        if (value)
            return complain(l, o->written, value, "is not allowed: the option takes no value");
        return set_value(l, o->key, o->written, "");
    }
    if (is_again) {
        snprintf(l->err->text, sizeof(l->err->text), "--%s is given twice: give it once",
                 row->flag);
        return false;
    }
    if (!value && *i + 1 < argc && !looks_like_option(argv[*i + 1]))
        value = argv[++*i];
    if (!value) {
        snprintf(l->err->text, sizeof(l->err->text), "%s has no value: give %s <%s>", o->written,
                 o->written, row->placeholder);
        return false;
    }
    return set_value(l, o->key, o->written, value);
}

static bool load_arguments(struct load *l, int argc, char *const argv[])
{
    for (int i = 1; i < argc && l->c->action == CFG_RUN; i++) {
        struct option o;

        if (!match(l, argv[i], &o) || !take_option(l, &o, argc, argv, &i))
            return false;
    }
    return true;
}

/* -- environment and defaults -- */

static const char *lookup(char *const envp[], const char *name)
{
    size_t len = strlen(name);

    for (; *envp; envp++) {
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
            return *envp + len + 1;
    }
    return NULL;
}

static bool load_environment(struct load *l, char *const envp[])
{
    for (int k = 0; k < CFG_KEY_COUNT; k++) {
        const struct cfg_row *row = &cfg_rows[k];
        const char *value = row->variable ? lookup(envp, row->variable) : NULL;

        if (l->c->given & 1u << k || !value || (!*value && row->type != CFG_TYPE_LISTEN))
            continue;
        if (!set_value(l, (enum cfg_key)k, row->variable, value))
            return false;
        l->c->given |= 1u << k;
    }
    return true;
}

static bool default_data_dir(struct load *l, char *const envp[])
{
    const char *xdg = lookup(envp, "XDG_DATA_HOME"), *home = lookup(envp, "HOME");
    char *out = l->c->data_dir;
    int n;

    if (xdg && xdg[0] == '/') { /* a relative one is to be ignored, says the XDG specification */
        n = snprintf(out, PATH_MAX, "%s/scp2p-relay", xdg);
    } else if (home && *home) {
        n = snprintf(out, PATH_MAX, "%s/.local/share/scp2p-relay", home);
    } else {
        snprintf(l->err->text, sizeof(l->err->text),
                 "no directory for the relay's state: neither XDG_DATA_HOME nor HOME is set, so "
                 "give --data-dir <DIR> or SCP2P_DATA_DIR");
        return false;
    }
    if (n >= PATH_MAX) {
        snprintf(l->err->text, sizeof(l->err->text),
                 "the default data directory's path is too long: give --data-dir <DIR>");
        return false;
    }
    return true;
}

static bool load_defaults(struct load *l, char *const envp[])
{
    uint32_t cores = cfg_machine_cores();
    uint64_t quarter = cfg_machine_memory("") / 4;
    struct cfg *c = l->c;

    for (int k = 0; k < CFG_KEY_COUNT; k++) {
        if (c->given & 1u << k || !cfg_rows[k].fallback)
            continue;
        if (!set_value(l, (enum cfg_key)k, cfg_rows[k].flag, cfg_rows[k].fallback))
            return false;
    }
    if (c->workers == 0)
        c->workers = (uint16_t)(cores < LIM_WORKERS_DEFAULT_MAX ? cores : LIM_WORKERS_DEFAULT_MAX);
    if (c->memory_max == 0)
        c->memory_max = quarter > CFG_MEMORY_MIN ? quarter : CFG_MEMORY_MIN;
    return c->data_dir[0] != '\0' || default_data_dir(l, envp);
}

rt_err cfg_load(int argc, char *const argv[], char *const envp[], struct cfg *out,
                struct relay_error *err)
{
    struct load l = {.c = calloc(1, sizeof(struct cfg)), .err = err};
    rt_err e = RT_ERR_OK;

    RT_INSIST(l.c);
    if (!load_arguments(&l, argc, argv) ||
        (l.c->action == CFG_RUN && (!load_environment(&l, envp) || !load_defaults(&l, envp))))
        e = RT_ERR_MALFORMED;
    else
        *out = *l.c;
    free(l.c);
    return e;
}
