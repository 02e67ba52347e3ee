/*
 * replica: the replica state of one account: what is known and what was
 * placed in the mail store.
 *
 * One SQLite database per account over our own VFS (vfs.h). It holds
 *
 *   merged  what replication knows: folders, messages, every register with
 *           who wrote it, tombstones, positions of all logs
 *   placed  what is in the mail store, as last seen or put there; capture
 *           compares the store with this and nothing else
 *   ends    where each log of our own durably ends; only what is below
 *           exists
 *   acks    what each peer has said it knows
 *
 * All writes happen in one transaction at a time (replica_begin … commit),
 * held by whoever holds the account lock. After a failed call inside a
 * transaction the caller rolls back.
 *
 * Invariants: (1) a message row is alive iff one of its dots is; (2) a dot
 * once dead stays dead; (3) a register holds the write with the greatest
 * write id met; (4) message.todo is 0 iff placed equals merged.
 */
#ifndef PB_REPLICA_H
#define PB_REPLICA_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "change.h"
#include "claim.h"
#include "hash.h"
#include "ident.h"
#include "mem.h"
#include "os.h"

struct err;
struct replica;

/*
 * Open an account's state. With `create`, a missing database is made, with a
 * new random incarnation (returns 1). Errors: ERR_ABSENT (none and not
 * create), ERR_CORRUPT, ERR_IO, ERR_AUTH (belongs to another site's key).
 */
int replica_open(struct os *os, const char *path, const char *account,
	uint64_t origin, bool create, struct replica **ret, struct err *err);
void replica_close(struct replica *r);

const char *replica_account(const struct replica *r);
uint64_t replica_origin(const struct replica *r);
uint64_t replica_incarnation(const struct replica *r);
/* Begin a new incarnation, random, in the open transaction. */
int replica_incarnation_new(struct replica *r, struct err *err);
sqlite3 *replica_db(struct replica *r); /* for check and tests only */

int replica_begin(struct replica *r, struct err *err);
int replica_commit(struct replica *r, struct err *err);
void replica_rollback(struct replica *r); /* harmless outside one */
/*
 * Whatever is committed from now on until the state is closed is seen here only,
 * and undone then. Others wait to write meanwhile. Errors: ERR_BUSY, ERR_IO.
 */
int replica_rehearse(struct replica *r, struct err *err);

/* Small named values. get: 0, or 1 and ret untouched when there is none. */
int replica_meta_get(struct replica *r, const char *key, int64_t *ret,
	struct err *err);
int replica_meta_set(struct replica *r, const char *key, int64_t value,
	struct err *err);
/* The name of a value that is kept for a peer, to free: "heard 00…1f". What is
   kept under such names replica_peer_forget has to know, but "ack count". */
char *replica_peer_key(const char *what, uint64_t peer);
/* Text: "" when there is none; into the arena. */
int replica_text_get(struct replica *r, const char *key, struct arena *arena,
	const char **ret, struct err *err);
int replica_text_set(struct replica *r, const char *key, const char *value,
	struct err *err);

/* ---- logs ---- */

struct replica_log {
	int64_t id;
	struct position known;  /* of our own logs: the durable end */
	uint64_t file_lsn;      /* own logs: last file, its durable bytes */
	int64_t size;
	uint64_t stated_lsn;    /* own logs: lsn at the last statement */
	int64_t stated_ms;
	uint64_t applied;       /* lsn up to which all of it is placed */
	uint64_t given;         /* own logs: where they ended when the folder
				   was given to another site; 0: it was not */
};
/* Returns 0; 1 when it was not known and `make` is false. */
int replica_log_get(struct replica *r, const struct log_id *id, bool make,
	struct replica_log *ret, struct err *err);
int replica_log_set(struct replica *r, const struct replica_log *log,
	struct err *err);
/* All logs; array in the arena, by folder, origin, and when they were met: of
   our own, in the order in which they were begun. */
int replica_logs(struct replica *r, struct arena *arena,
	struct replica_log **ret, size_t *ret_count, struct err *err);
/*
 * Does chain agree with what was known of this log at lsn? Returns 1 agrees,
 * 0 not known any more, or chain is 0 (not known there), ERR_CONFLICT it
 * differs (a rollback).
 */
int replica_log_agrees(struct replica *r, const struct replica_log *log,
	uint64_t lsn, uint64_t chain, struct err *err);
/*
 * Did a commit ever end there, as far as is known? 1, also where it is so long
 * ago that it was forgotten; or 0.
 */
int replica_log_ended(struct replica *r, const struct replica_log *log,
	uint64_t lsn, struct err *err);

/* ---- merging (registers.c) ---- */

/*
 * Merge one change. Its log must be known (replica_log_get with make), and
 * changes of one log come in lsn order. Positions are the caller's to
 * advance afterwards.
 * Returns 0; 1 if it changed nothing (older than what is known, or dead).
 */
int replica_apply(struct replica *r, const struct change *c, struct err *err);

/* ---- what is known, written out again (writeout.c) ---- */

/* Changes and a few more in one call: bounds memory. */
#define REPLICA_WRITE_OUT_MAX 4096

/*
 * Add to batch the changes of one log, of whatever site, from lsn `after` up
 * to *ret_upto, which is `upto` or, where there are too many, less: then the
 * caller goes on from there. Both are at most what is known of the log.
 *
 * They are not those that were merged, but say the same: each register that
 * (log, lsn) was the last to write, as a change with its own lsn and stamp;
 * living dots born there as SAVE or COPY, with a source only where that was
 * born in the same folder; dots that died there as EXPUNGE; GAP, BEGIN, merges
 * of ids; the greatest UID given. What another log has overwritten since comes
 * with that log. LEFT is no register. So they are right for a receiver at any
 * position from `after` on that gets the other logs, too.
 *
 * Reads in proportion to what it adds, whatever the folder holds. Lsns ascend,
 * no two are equal: change_encode takes them as they are.
 */
int replica_write_out(struct replica *r, const struct log_id *log,
	uint64_t after, uint64_t upto, struct change_batch *batch,
	uint64_t *ret_upto, struct err *err);

/* ---- folders ---- */

struct replica_folder {
	int64_t id;           /* row; 0: none */
	struct id128 fid;
	/* merged */
	const char *path;
	struct write_id path_by;
	bool dead;
	uint32_t uidvalidity; /* the authority's; 0 unknown */
	uint32_t uidnext;     /* the authority's, at least: max of all UIDs + 1 */
	struct id128 guid;
	const char *extra;
	struct write_id identity_by;
	bool subscribed;
	struct write_id subscribed_by;
	struct claim authority;
	struct write_id born_by;
	uint64_t messages;    /* alive, placed here by merge */
	uint8_t digest[16];
	/* placed */
	const char *p_path;   /* NULL: not in the store */
	uint64_t p_ino;
	bool p_subscribed;
	uint32_t p_uidvalidity, p_uidnext;
	struct id128 p_guid;
	const char *p_extra;
	int64_t p_dirs_ns;    /* when its directories were changed last, as
				 far as that is durable; 0 not known */
	uint8_t cookie[64];
	bool cookie_good;     /* false: look at the folder */
	bool off;             /* logging switched off */
	const char *stopped;  /* why nothing is logged or placed; "" */
	bool held_mail;       /* ever held a message */
	bool guard_ok;        /* the operator accepted a mass removal, or an
				 older copy */
	uint64_t guard_count; /* messages that wait for it; 0 none */
	bool refused;         /* nothing of it is placed (refused.h) */
};
int replica_folders(struct replica *r, struct arena *arena,
	struct replica_folder **ret, size_t *ret_count, struct err *err);
/* By id (through merges of ids). Returns 0, or 1 when there is none. */
int replica_folder_by_fid(struct replica *r, const struct id128 *fid,
	struct arena *arena, struct replica_folder *ret, struct err *err);
int replica_folder_by_row(struct replica *r, int64_t id, struct arena *arena,
	struct replica_folder *ret, struct err *err);
/*
 * Are changes of this folder ours to hand over: is this site its home? 1 or 0.
 * The account log is everybody's own. unclaimed: what to say of a folder that
 * nobody is the home of yet.
 */
int replica_is_home(struct replica *r, const struct id128 *fid, bool unclaimed,
	struct err *err);
/* The living folder whose merged path this is. 0, or 1 when none. */
int replica_folder_by_path(struct replica *r, const char *path,
	struct arena *arena, struct replica_folder *ret, struct err *err);
/* Write the placed half (p_*, cookie, off, stopped, guard_*). */
int replica_folder_place(struct replica *r, const struct replica_folder *f,
	struct err *err);

/*
 * What a flush point states of a folder, as of now in this transaction:
 * messages, digest, UIDNEXT (the account log's zero id: all zero).
 */
int replica_folder_sums(struct replica *r, const struct id128 *fid,
	uint64_t *ret_messages, uint32_t *ret_uidnext, uint8_t ret_digest[16],
	struct err *err);
/* A path that two living folders have: their rows. Returns 0, or 1 when no
   two folders share a name. A folder whose removal waits for the operator
   does not count, nor does one that is refused. */
int replica_same_name(struct replica *r, int64_t *ret_a, int64_t *ret_b,
	struct err *err);

/* Subscriptions of names that have no folder. */
struct replica_sub {
	const char *path;
	bool subscribed;
	struct write_id by;
	bool p_subscribed;
	bool refused;         /* not to be placed (refused.h) */
};
int replica_subs(struct replica *r, struct arena *arena,
	struct replica_sub **ret, size_t *ret_count, struct err *err);
int replica_sub_place(struct replica *r, const char *path, bool subscribed,
	struct err *err);

/* ---- messages ---- */

#define MESSAGE_KEPT 3 /* todo: is to go, and stays here (kept.h) */
#define MESSAGE_REFUSED 4 /* todo: not to be placed as it is merged (refused.h) */

struct replica_message {
	int64_t id;
	/* merged */
	int64_t folder;       /* row of the folder where it is placed */
	struct write_id place_by;
	struct dot dot;       /* its oldest dot */
	const char *base;
	uint64_t size;
	int64_t mtime;
	struct hash hash;
	const char *extra;
	const char *letters, *keywords;
	uint32_t uid;         /* confirmed; 0 none */
	bool dead;
	int todo;             /* 0; 1 to place; 2 could not be placed whole;
				 MESSAGE_KEPT; MESSAGE_REFUSED */
	/* placed */
	int64_t p_folder;     /* 0: not in the store */
	const char *p_base;
	const char *p_letters, *p_keywords, *p_extra;
	uint32_t p_uid;
	uint64_t p_ino;
	int64_t copied_from;  /* message row it was logged as a copy of; 0 */
	int64_t logged_ms;    /* when capture logged its birth or copy */
	int64_t waits_ms;     /* since when its body is awaited; 0 */
	/* damage.h: what is wrong with its file, since when, and the ctime
	   (ns) of the file that was so; 0: there was none */
	int damage;
	int64_t damage_ms, damage_ctime;
};

/* One: 0, or 1 when there is none. Strings into the arena. */
int replica_message_get(struct replica *r, int64_t id, struct arena *arena,
	struct replica_message *ret, struct err *err);
/* Fill in the dot of a message given without it. */
int replica_message_dot(
	struct replica *r, struct replica_message *m, struct err *err);
int replica_message_by_dot(struct replica *r, const struct dot *dot,
	struct arena *arena, struct replica_message *ret, struct err *err);
/* Alive, merged into this folder under this base, but placed elsewhere or
   nowhere: what a crash of the applier may have left in the store. */
int replica_message_unplaced(struct replica *r, int64_t folder,
	const char *base, struct arena *arena, struct replica_message *ret,
	struct err *err);
/*
 * What lies in a folder under this base and UID (0: whichever) with this body,
 * though its message is dead or belongs elsewhere.
 */
int replica_message_leaving(struct replica *r, int64_t folder,
	const char *base, uint32_t uid, const struct hash *hash,
	struct arena *arena, struct replica_message *ret, struct err *err);
/* Alive and placed nowhere, with this body, and under this base name, now or when
   it was born; NULL: under any. */
int replica_message_nowhere(struct replica *r, const struct hash *hash,
	const char *base, struct arena *arena, struct replica_message *ret,
	struct err *err);
/* Rows of what is alive in a folder with a UID below uidnext and placed
   nowhere; into the arena. */
int replica_missing(struct replica *r, int64_t folder, uint32_t uidnext,
	struct arena *arena, int64_t **ret, size_t *ret_count,
	struct err *err);
/* Does any folder hold mail, and the INBOX is every peer's (refused.h)? 1 or 0. */
int replica_holds_mail(struct replica *r, struct err *err);
/* Living placed messages with this inode and size, one after the other: the
   one with the least row above `after` (0 at first). */
int replica_message_with_ino(struct replica *r, uint64_t ino, uint64_t size,
	int64_t after, struct arena *arena, struct replica_message *ret,
	struct err *err);
/* A placed message with this body whose file is not known to be damaged; base
   may be NULL. */
int replica_message_by_hash(struct replica *r, const struct hash *hash,
	const char *base, struct arena *arena, struct replica_message *ret,
	struct err *err);
/* The same for messages with this body; base may be NULL. */
int replica_message_with_hash(struct replica *r, const struct hash *hash,
	const char *base, int64_t after, struct arena *arena,
	struct replica_message *ret, struct err *err);
/* For those whose GUID is this one, as a server would say. */
int replica_message_with_guid(struct replica *r, const struct hash *hash,
	const char *guid, int64_t after, struct arena *arena,
	struct replica_message *ret, struct err *err);
/*
 * The dot of a living message that was born in this folder under this name and
 * with this body, in another incarnation of this site: who says nothing of it
 * is taken to speak of that one (table apart). Returns 0, or 1 when there is
 * none.
 */
int replica_born_before(struct replica *r, int64_t folder, const char *base,
	const struct hash *hash, struct dot *ret, struct err *err);
/*
 * Is a birth that comes once more that of the mail which is known by its dot?
 * Returns 1, also where none is known or c is no birth. Errors: ERR_CONFLICT:
 * it is another mail, so there are two histories.
 */
int replica_birth_agrees(
	struct replica *r, const struct change *c, struct err *err);
/* Living dots of living messages with this body; in the arena. */
int replica_dots_with_hash(struct replica *r, const struct hash *hash,
	struct arena *arena, struct dot **ret, size_t *ret_count,
	struct err *err);
/* Does a living message that is to be placed yet have this body? 1 or 0. */
int replica_hash_awaited(struct replica *r, const struct hash *hash,
	struct err *err);
/* A living message logged as a copy of that row since that time. */
int replica_message_copy_of(struct replica *r, int64_t id, int64_t since_ms,
	struct arena *arena, struct replica_message *ret, struct err *err);

/* Each message placed in a folder, by p_base (strcmp order). Without its dot:
   there may be many; replica_message_dot. */
typedef int (*replica_message_fn)(void *arg, const struct replica_message *m,
	struct err *err);
int replica_placed_each(struct replica *r, int64_t folder,
	replica_message_fn fn, void *arg, struct err *err);
/* The same, `count` at most, of those behind a base; into the arena, which is
   empty. */
int replica_placed_after(struct replica *r, int64_t folder, const char *base,
	size_t count, struct arena *arena, struct replica_message **ret,
	size_t *ret_count, struct err *err);
/*
 * The rows of all messages with todo 1 that are merged into, or placed in, a
 * folder, in the order in which they are to be placed: the dead, then by UID,
 * those without one last. Into the arena.
 */
int replica_todo_list(struct replica *r, int64_t folder, struct arena *arena,
	int64_t **ret, size_t *ret_count, struct err *err);
/*
 * Each of these messages that is there still. When fn returns above 0 that is
 * the end, and ret_taken the number of ids before that message.
 */
int replica_messages_each(struct replica *r, const int64_t *ids, size_t count,
	replica_message_fn fn, void *arg, size_t *ret_taken, struct err *err);
/* Living messages whose body is in no store of ours and awaited: not those that
   are refused. */
int replica_bodiless_each(struct replica *r, replica_message_fn fn, void *arg,
	struct err *err);
/* Folder rows that have something to place. */
int replica_todo_folders(struct replica *r, struct arena *arena,
	int64_t **ret, size_t *ret_count, struct err *err);

/*
 * Record what is in the store for a message (p_*, copied_from, logged_ms,
 * waits_ms) and compute todo anew. `whole` false: what differs could not be
 * placed and shall not be tried again before the next change (todo 2); so is
 * what was such a message before, as long as nothing but its UID differs.
 * A dead message that is placed nowhere is deleted.
 */
int replica_message_place(struct replica *r, const struct replica_message *m,
	bool whole, struct err *err);
/*
 * The message was placed in another folder; what still lies in the old one
 * (m's p_*) is to be removed from there: a dead row of its own.
 */
int replica_stray(struct replica *r, const struct replica_message *m,
	struct err *err);
/* Dots of a message that live, in the arena. */
int replica_dots(struct replica *r, int64_t id, struct arena *arena,
	struct dot **ret, size_t *ret_count, struct err *err);
/* Greatest stamp that a message's place, UID or fields of the UID list hold. */
int replica_message_stamp(struct replica *r, int64_t id, uint64_t *ret,
	struct err *err);
/* Greatest stamp that any of these flag registers of a message holds. */
int replica_flags_stamp(struct replica *r, int64_t id, const char *letters,
	const char *keywords, uint64_t *ret, struct err *err);

/* ---- peers (shipping.c) ---- */

struct replica_ack {
	int64_t log;          /* log row */
	uint64_t durable, chain, applied;
};
int replica_ack_get(struct replica *r, uint64_t peer, int64_t log,
	struct replica_ack *ret, struct err *err); /* zeros when none */
/* The greatest lsn of a log that any peer said it knows; 0 none. */
int replica_ack_most(struct replica *r, int64_t log, uint64_t *ret,
	struct err *err);
/*
 * Take a peer's acknowledgement order: 0 newer (recorded), 1 older: ignore.
 */
int replica_ack_order(struct replica *r, uint64_t peer, uint64_t incarnation,
	uint64_t count, struct err *err);
int replica_ack_set(struct replica *r, uint64_t peer,
	const struct replica_ack *ack, struct err *err);
/* Forget all that a peer said, and what is under way to it. How far it was
   handed logs, and the count of what it was told, stay known: if it is ever a
   peer again it is told nothing else under the same numbers (spoken.h). */
int replica_peer_forget(struct replica *r, uint64_t peer, struct err *err);
/*
 * A peer is to get a log again from behind lsn `after`: what it acknowledged,
 * or is under way to it, counts up to there only. In a transaction.
 */
int replica_ack_lower(struct replica *r, uint64_t peer, int64_t log,
	uint64_t after, struct err *err);
/* Forget the peer's wants, then add those it stated. all: it said all that it
   wants, and what we kept back (held.h) is its to say, too, as far as it
   acknowledged the messages. */
int replica_want_clear(
	struct replica *r, uint64_t peer, bool all, struct err *err);
int replica_want_add(struct replica *r, uint64_t peer, const struct hash *hash,
	uint64_t offset, bool previewed, struct err *err);
struct replica_want {
	struct hash hash;
	uint64_t offset;
};
int replica_wants(struct replica *r, uint64_t peer, struct arena *arena,
	struct replica_want **ret, size_t *ret_count, struct err *err);
/* What lies in bundles that were handed over and not yet acknowledged. */
/* In place of a medium: it went over a live link. */
extern const struct id128 replica_sent_live;
struct replica_sent {
	uint64_t sequence;
	int64_t log;
	uint64_t lsn, chain;
};
int replica_sent_add(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, const struct replica_sent *sent,
	struct err *err);
int replica_sent_body(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, uint64_t sequence,
	const struct hash *hash, struct err *err);
/* Forget all bundles of a medium. */
int replica_sent_forget(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, struct err *err);
/*
 * Ends of what was handed over to a peer, wherever it went: a peer that knows a
 * log of ours stands at one of them. The last ones are kept.
 */
struct replica_end {
	uint64_t lsn, chain;
};
int replica_handed_add(struct replica *r, uint64_t peer, int64_t log,
	const struct replica_end *end, struct err *err);
/* Those behind `after` and before `before`, ascending; in the arena. */
int replica_handed(struct replica *r, uint64_t peer, int64_t log,
	uint64_t after, uint64_t before, struct arena *arena,
	struct replica_end **ret, size_t *ret_count, struct err *err);
/* The bundles of a medium whose bodies are remembered: their sequences. */
int replica_sent_sequences(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, struct arena *arena, uint64_t **ret,
	size_t *ret_count, struct err *err);
/* Forget the bodies of one bundle: the peer took it, and says so if it wants
   one of them again. */
int replica_sent_bodies_forget(struct replica *r, uint64_t peer,
	const char *link, const struct id128 *medium, uint64_t sequence,
	struct err *err);
int replica_sent_list(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, struct arena *arena,
	struct replica_sent **ret, size_t *ret_count, struct err *err);
/* 1 if the body is in a bundle of that medium, else 0. */
int replica_sent_has_body(struct replica *r, uint64_t peer, const char *link,
	const struct id128 *medium, const struct hash *hash, struct err *err);

#endif
