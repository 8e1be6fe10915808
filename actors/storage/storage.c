/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants: relay.db is never incomplete, because create() writes relay.db.new and renames it. A
 * new identity is made only for a database that was not ours before. `writer` is in use exactly
 * while is_started.
 */
#include "storage/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "crypto/secret.h"
#include "storage/db.h"
#include "storage/dir.h"
#include "storage/gate.h"
#include "storage/migrate.h"
#include "storage/schema_check.h"
#include "storage/table_communities.h"
#include "storage/table_identity.h"
#include "storage/table_metadata.h"
#include "storage/table_peers.h"
#include "storage/table_secrets.h"
#include "storage/table_values.h"
#include "storage/writer.h"

#define DB_NAME "relay.db"
#define NEW_NAME DB_NAME ".new"
#define SLOT_SECRET "relay:slot"

struct storage {
    struct rt_actor actor;
    bool is_started, identity_is_new;
    struct rt_seams seams;
    struct storage_dir dir;
    struct db *db;
    struct rt_sign_key identity;
    uint8_t slot_secret[32];
    struct storage_gate *gate;
    struct storage_writer writer; /* while started */
};

/* -- opening -- */

/* A new identity only for a database that never had one of ours: losing it costs the relay its
 * name. */
static rt_err load_identity(struct storage *s, bool may_create, struct relay_error *err)
{
    uint8_t seed[32];
    rt_err e = table_metadata_node_key(s->db, seed, err);

    if (e == RT_ERR_NOT_FOUND && !may_create) {
        e = db_damaged(s->db, "its node_key is missing", err);
    } else if (e == RT_ERR_NOT_FOUND) {
        s->identity_is_new = true;
        s->seams.random(s->seams.ctx, seed, sizeof(seed));
        e = table_metadata_set_node_key(s->db, seed, err);
    }
    if (!e)
        rt_sign_key_from_seed(seed, &s->identity);
    rt_wipe(seed, sizeof(seed));
    return e;
}

/* Everything a start may have to write, in one transaction. */
static rt_err prepare(struct storage *s, struct relay_error *err)
{
    bool is_first = false;
    rt_err e = db_begin(s->db, err);

    if (e)
        return e;
    e = migrate_run(s->db, &is_first, err);
    if (!e)
        e = load_identity(s, is_first, err);
    if (!e)
        e = table_secrets_get(s->db, &s->seams, SLOT_SECRET, s->slot_secret, sizeof(s->slot_secret),
                              err);
    if (!e)
        e = db_commit(s->db, err);
    if (e)
        db_rollback(s->db);
    return e;
}

/* A log without its database would be played into the new one. */
static rt_err refuse_orphans(const struct storage *s, struct relay_error *err)
{
    static const char *const names[] = {DB_NAME "-wal", DB_NAME "-journal"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!storage_dir_has(&s->dir, names[i]))
            continue;
        snprintf(err->text, sizeof(err->text),
                 "%.110s holds %s but no " DB_NAME ": put " DB_NAME
                 " back, or move the rest away to "
                 "start with a new identity",
                 s->dir.path, names[i]);
        return RT_ERR_CORRUPT;
    }
    return RT_ERR_OK;
}

static rt_err create(struct storage *s, struct relay_error *err)
{
    char path[PATH_MAX];
    rt_err e = refuse_orphans(s, err);

    if (e)
        return e;
    storage_dir_remove(&s->dir, NEW_NAME "-journal");
    storage_dir_remove(&s->dir, NEW_NAME);
    e = storage_dir_create(&s->dir, NEW_NAME, err);
    if (e)
        return e;
    storage_dir_path(&s->dir, NEW_NAME, path);
    e = db_open(path, false, &s->db, err);
    if (!e)
        e = prepare(s, err);
    db_close(&s->db);
    if (!e)
        e = storage_dir_rename(&s->dir, NEW_NAME, DB_NAME, err);
    if (e)
        storage_dir_remove(&s->dir, NEW_NAME);
    return e;
}

/* A last page that is cut short reads as one that ends in zeros and may pass for a whole one. What
 * the log holds replaces it. */
static rt_err check_end(const struct storage *s, struct relay_error *err)
{
    struct relay_error ignored;
    uint64_t size = 0, log_size = 0;
    int64_t page_size = 0;
    rt_err e = db_get_integer(s->db, "PRAGMA page_size", &page_size, err);

    if (!e)
        e = storage_dir_size(&s->dir, DB_NAME, &size, err);
    if (e || (storage_dir_size(&s->dir, DB_NAME "-wal", &log_size, &ignored) == RT_ERR_OK &&
              log_size > 0))
        return e;
    return size % (uint64_t)page_size == 0 ? RT_ERR_OK
                                           : db_damaged(s->db, "it ends within a page", err);
}

static rt_err open_checked(struct storage *s, const char *path, bool is_alone,
                           struct relay_error *err)
{
    rt_err e = db_open(path, is_alone, &s->db, err);

    if (!e)
        e = schema_check(s->db, err);
    if (!e)
        e = db_check(s->db, err);
    if (!e)
        e = check_end(s, err);
    if (e)
        db_close(&s->db);
    return e;
}

static rt_err open_existing(struct storage *s, const char *path, struct relay_error *err)
{
    struct relay_error again;
    rt_err e = open_checked(s, path, false, err);

    /* A full disk has no room for what programs share. */
    if (e == RT_ERR_SYSTEM && open_checked(s, path, true, &again) == RT_ERR_OK)
        e = RT_ERR_OK;
    if (!e)
        e = migrate_check(s->db, err);
    if (!e)
        e = db_exec(s->db, "PRAGMA journal_mode = WAL", err);
    if (!e)
        e = prepare(s, err);
    return e;
}

/* Nothing of ours is ever empty: an empty file is what a full disk or a broken copy leaves. */
static rt_err refuse_empty(const char *path, struct relay_error *err)
{
    snprintf(
        err->text, sizeof(err->text),
        "the state database %.100s is empty: restore it from a backup, or remove it to start with "
        "a new identity",
        path);
    return RT_ERR_CORRUPT;
}

/* A link to a volume that is not mounted now is no reason for a new identity. */
static rt_err refuse_dangling(const char *path, struct relay_error *err)
{
    snprintf(err->text, sizeof(err->text),
             "the state database %.100s is a link to a file that is not there: bring that one "
             "back, or remove the link to start with a new identity",
             path);
    return RT_ERR_CORRUPT;
}

static rt_err open_database(struct storage *s, struct relay_error *err)
{
    char path[PATH_MAX];
    uint64_t size = 0;
    rt_err e = storage_dir_size(&s->dir, DB_NAME, &size, err);

    storage_dir_path(&s->dir, DB_NAME, path);
    if (e == RT_ERR_NOT_FOUND)
        e = storage_dir_has(&s->dir, DB_NAME) ? refuse_dangling(path, err) : create(s, err);
    else if (!e && size == 0)
        e = refuse_empty(path, err);
    else if (!e)
        storage_dir_warn_mode(&s->dir, DB_NAME);
    return e ? e : open_existing(s, path, err);
}

rt_err storage_open(const char *dir, const struct rt_seams *seams, struct storage **out,
                    struct relay_error *err)
{
    struct storage *s = rt_secret_new(sizeof(*s));
    rt_err e;

    s->seams = *seams;
    s->dir.fd = s->dir.lock_fd = -1;
    s->gate = storage_gate_new();
    e = storage_dir_open(dir, &s->dir, err);
    if (!e)
        e = open_database(s, err);
    if (e)
        storage_close(&s);
    else
        *out = s;
    return e;
}

void storage_close(struct storage **s)
{
    struct storage *old = *s;

    *s = NULL;
    if (!old)
        return;
    RT_REQUIRE(!old->is_started);
    db_close(&old->db);
    storage_dir_close(&old->dir);
    storage_gate_drop(&old->gate);
    rt_secret_free(old);
}

const struct rt_sign_key *storage_identity(const struct storage *s)
{
    return &s->identity;
}

const uint8_t *storage_slot_secret(const struct storage *s)
{
    return s->slot_secret;
}

bool storage_identity_is_new(const struct storage *s)
{
    return s->identity_is_new;
}

/* -- secrets -- */

static rt_err get_secret(struct storage *s, const char *name, uint8_t *out, size_t len,
                         struct relay_error *err)
{
    rt_err e = db_begin(s->db, err);

    if (e)
        return e;
    e = table_secrets_get(s->db, &s->seams, name, out, len, err);
    if (!e)
        e = db_commit(s->db, err);
    if (e)
        db_rollback(s->db);
    return e;
}

rt_err storage_secret(struct storage *s, const char *name, void *out, size_t len,
                      struct relay_error *err)
{
    RT_REQUIRE(!s->is_started);
    RT_REQUIRE(*name && strlen(name) <= STORAGE_NAME_MAX);
    return get_secret(s, name, out, len, err);
}

/* -- rows, before threads run -- */

/* The actor's state may be touched: it is not started, or its thread does not run yet. */
static bool is_ours(const struct storage *s)
{
    return !s->is_started || rt_worker_is_current(s->actor.worker);
}

static void report_odd(const char *table, uint32_t odd)
{
    if (odd)
        rt_log(RELAY_LOG_WARN, "rows of state cannot be read, they are left as they are",
               "table=%s rows=%u", table, odd);
}

rt_err storage_each_value(struct storage *s, storage_value_fn *fn, void *ctx,
                          struct relay_error *err)
{
    uint32_t odd = 0;
    rt_err e;

    RT_REQUIRE(is_ours(s));
    e = table_values_each(s->db, s->seams.wall_ns(s->seams.ctx) / RT_S, fn, ctx, &odd, err);
    report_odd("relay_values", odd);
    return e;
}

rt_err storage_each_peer(struct storage *s, storage_peer_fn *fn, void *ctx, struct relay_error *err)
{
    uint32_t odd = 0;
    rt_err e;

    RT_REQUIRE(is_ours(s));
    e = table_peers_each(s->db, fn, ctx, &odd, err);
    report_odd("peers", odd);
    return e;
}

rt_err storage_each_mark(struct storage *s, storage_mark_fn *fn, void *ctx, struct relay_error *err)
{
    uint32_t odd = 0;
    rt_err e;

    RT_REQUIRE(is_ours(s));
    e = table_communities_each(s->db, s->seams.wall_ns(s->seams.ctx) / RT_S, fn, ctx, &odd, err);
    report_odd("relay_communities", odd);
    return e;
}

rt_err storage_each_identity_record(struct storage *s, storage_identity_record_fn *fn, void *ctx,
                                    struct relay_error *err)
{
    uint32_t odd = 0;
    rt_err e;

    RT_REQUIRE(is_ours(s));
    e = table_identity_each(s->db, fn, ctx, &odd, err);
    report_odd("relay_identity_records", odd);
    return e;
}

rt_err storage_pins(struct storage *s, storage_pins_fn *fn, void *ctx, struct relay_error *err)
{
    RT_REQUIRE(is_ours(s));
    return table_metadata_pins(s->db, fn, ctx, err);
}

/* -- the actor -- */

static void log_failure(const char *what, rt_err e, const struct relay_error *err)
{
    if (e)
        rt_log(RELAY_LOG_ERROR, what, "error=\"%s\"", err->text);
}

static void on_flush(struct storage *s, struct storage_flush *m)
{
    struct relay_error err = {""};

    m->result = storage_writer_flush(&s->writer, &err);
    if (!m->result)
        m->result = db_checkpoint(s->db, &err);
    log_failure("state could not be flushed", m->result, &err);
    rt_msg_reply(s->actor.worker, &m->msg);
}

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct storage *s = RT_CONTAINER_OF(self, struct storage, actor);

    switch (m->kind) {
    case STORAGE_FLUSH:
        on_flush(s, RT_MSG_CAST(m, struct storage_flush, STORAGE_FLUSH));
        break;
    case STORAGE_PUT_VALUE:
    case STORAGE_DROP_VALUE:
    case STORAGE_PUT_PEER:
    case STORAGE_DROP_PEER:
    case STORAGE_PUT_PINS:
    case STORAGE_PUT_MARK:
    case STORAGE_PUT_IDENTITY_RECORD:
    case STORAGE_DROP_IDENTITY_RECORD:
        storage_writer_put(&s->writer, RT_MSG_CAST(m, struct storage_write, m->kind));
        break;
    default:
        RT_INSIST(!"a message of another room");
    }
}

struct storage_client storage_start(struct storage *s, struct rt_worker *w)
{
    RT_REQUIRE(!s->is_started);
    s->is_started = true;
    storage_writer_start(&s->writer, w, s->db, s->gate);
    rt_actor_start(&s->actor, w, on_msg);
    return (struct storage_client){rt_actor_addr(&s->actor), s->gate};
}

void storage_stop(struct storage *s)
{
    struct relay_error err = {""};

    RT_REQUIRE(s->is_started);
    if (storage_writer_flush(&s->writer, &err) != RT_ERR_OK)
        rt_log(RELAY_LOG_ERROR, "state could not be written and is lost", "rows=%u error=\"%s\"",
               s->writer.queue.count, err.text);
    storage_writer_stop(&s->writer);
    rt_actor_stop(&s->actor);
    s->is_started = false;
}
