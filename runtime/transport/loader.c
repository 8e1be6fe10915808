/* SPDX-License-Identifier: MPL-2.0 */
#include "transport/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The least a table of each abi minor has; later minors only append. */
static const size_t sizes[] = {
    [0] = offsetof(struct relay_transport, keep_alive),
    [1] = sizeof(struct relay_transport),
};

_Static_assert(sizeof(sizes) / sizeof(sizes[0]) == RELAY_ABI_MINOR + 1, "a size for every minor");

static rt_err refuse(struct relay_error *err, const char *where, const char *fmt, ...)
    RT_PRINTF(3, 4);

/* "the transport plugin WHERE ...", the sentence's end from fmt. */
static rt_err refuse(struct relay_error *err, const char *where, const char *fmt, ...)
{
    int n = snprintf(err->text, sizeof(err->text), "the transport plugin %.90s ", where);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err->text + n, sizeof(err->text) - (size_t)n, fmt, ap);
    va_end(ap);
    return RT_ERR_REFUSED;
}

static const char *build_text(unsigned build)
{
    static const char *const names[] = {
        [RELAY_BUILD_PLAIN] = "a plain build",
        [RELAY_BUILD_ASAN] = "built with the address sanitizer",
        [RELAY_BUILD_TSAN] = "built with the thread sanitizer",
    };

    return build < sizeof(names) / sizeof(names[0]) ? names[build] : "of an unknown kind of build";
}

static const char *missing_verb(const struct relay_transport *t)
{
    const struct {
        const char *name;
        bool is_there;
    } verbs[] = {
        {"worker_init", t->worker_init != NULL},
        {"worker_fini", t->worker_fini != NULL},
        {"listen", t->listen != NULL},
        {"unlisten", t->unlisten != NULL},
        {"dial", t->dial != NULL},
        {"send", t->send != NULL},
        {"pause", t->pause != NULL},
        {"resume", t->resume != NULL},
        {"close", t->close != NULL},
        {"peer", t->peer != NULL},
    };

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (!verbs[i].is_there)
            return verbs[i].name;
    }
    return NULL;
}

/* Names go into counters, file names and the log; schemes are such words between single spaces. */
static bool is_words(const char *text, bool many)
{
    char before = ' ';

    if (!text)
        return false;
    for (; *text; before = *text++) {
        bool is_word =
            (*text >= 'a' && *text <= 'z') || (*text >= '0' && *text <= '9') || *text == '_';

        if (!is_word && !(many && *text == ' ' && before != ' '))
            return false;
    }
    return before != ' ';
}

rt_err rt_loader_check(const struct relay_transport *t, const char *where, struct relay_error *err)
{
    const char *verb;

    if (!t)
        return refuse(err, where, "has no table to give");
    if (t->magic != RELAY_TRANSPORT_MAGIC)
        return refuse(err, where, "is none: its table begins with %08x, not %08x", t->magic,
                      RELAY_TRANSPORT_MAGIC);
    if (t->abi_minor > RELAY_ABI_MINOR)
        return refuse(err, where, "needs version 1.%u of the plugin interface, this relay has 1.%u",
                      t->abi_minor, RELAY_ABI_MINOR);
    if (t->size != sizes[t->abi_minor])
        return refuse(err, where, "has a table of %u bytes, version 1.%u of the interface has %zu",
                      t->size, t->abi_minor, sizes[t->abi_minor]);
    if (t->build != RELAY_BUILD_KIND)
        return refuse(err, where, "is %s, this relay is %s", build_text(t->build),
                      build_text(RELAY_BUILD_KIND));
    if (!is_words(t->name, false))
        return refuse(err, where, "has no name of small letters, digits and underscores");
    if (!is_words(t->schemes, true))
        return refuse(err, where, "names no address scheme it serves");
    verb = missing_verb(t);
    if (verb)
        return refuse(err, where, "has no function for \"%s\"", verb);
    return RT_ERR_OK;
}

rt_err rt_loader_open(const char *path, const struct relay_transport **out, struct relay_error *err)
{
    const struct relay_transport *t;
    relay_transport_fn *entry;
    void *library, *symbol;
    rt_err e;

    if (access(path, R_OK) != 0) {
        refuse(err, path, "cannot be read: %s", strerror(errno));
        return errno == ENOENT ? RT_ERR_NOT_FOUND : RT_ERR_SYSTEM;
    }
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return refuse(err, path, "cannot be loaded: %.120s", dlerror());
    symbol = dlsym(library, RELAY_TRANSPORT_SYMBOL);
    if (!symbol)
        return refuse(err, path, "is none: it has no function " RELAY_TRANSPORT_SYMBOL);
    memcpy(&entry, &symbol, sizeof(entry)); /* POSIX promises this; ISO C has no cast for it */
    t = entry();
    e = rt_loader_check(t, path, err);
    if (!e)
        *out = t;
    return e;
}

/* The directory of the running binary, without a slash at its end. */
static bool binary_directory(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    char *slash;

    if (n <= 0)
        return false;
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

rt_err rt_loader_find(const char *name, char *out_path, size_t cap, struct relay_error *err)
{
    char dir[PATH_MAX], path[2 * PATH_MAX];
    bool has_dir = binary_directory(dir);
    const struct {
        const char *base, *below;
    } places[] = {
        {dir, "/plugins"},
        {dir, "/" RELAY_PLUGIN_DIR_FROM_BIN},
        {"", RELAY_PLUGIN_DIR},
    };

    if (!is_words(name, false))
        return refuse(err, name, "has no name of small letters, digits and underscores");
    for (size_t i = has_dir ? 0 : 2; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof(path), "%s%s/%s.so", places[i].base, places[i].below, name);
        if (access(path, F_OK) != 0 || strlen(path) >= cap)
            continue;
        memcpy(out_path, path, strlen(path) + 1);
        return RT_ERR_OK;
    }
    refuse(err, name, "is not there: no %s.so in %.60s/plugins or in " RELAY_PLUGIN_DIR, name,
           has_dir ? dir : "");
    return RT_ERR_NOT_FOUND;
}
