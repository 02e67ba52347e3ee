/*
 * pass: what the parts of one capture pass share. Private to lib/capture.
 */
#ifndef PB_PASS_H
#define PB_PASS_H

#include "capture.h"
#include "damage.h"
#include "err.h"

#define COMMIT_EVERY 2000 /* changes: bounds memory and lost work */

struct absence {
	int64_t message;
	int64_t folder;
};

/* What listing the folders told of one; see pass_cookie. */
struct listed {
	int64_t folder;
	struct store_cookie cookie;
};

struct pass {
	struct account *account;
	struct replica *replica;
	struct store *store;
	const struct capture_config *config;
	struct capture_result *result;
	int64_t now_ms;
	struct journal journal;
	struct listed *listed;
	size_t listed_count;
	struct absence *absences;
	size_t absence_count;
	int64_t marked_ns; /* when the store's marker was made (store.h) */
	int64_t known_ns;  /* that of the store that is known; 0: any is right */
	/* Of the folder looked at: UIDs below were given before, whatever its
	   list says (setback.c); 0: the list is right. */
	uint32_t behind;
	bool settling;	   /* the second look */
	bool recognising;  /* nothing is logged (join.c) */
	bool finishing;	   /* the end of joining */
	int64_t *vanished; /* rows of folders that the tree missed */
	size_t vanished_count;
	bool started;	 /* the machine was, since the last pass */
	bool tree_again; /* a folder is not the one it seemed */
	size_t puts;	 /* changes put since the last commit */
	bool raised;	 /* a UIDNEXT since then: it must not go back */
	char **touched;	 /* folders that these changes speak of */
	size_t touched_count;
	struct id128 *changed; /* changed.c */
	size_t changed_size;
	uint64_t *waiting; /* inodes of files that wait to be born */
	size_t waiting_count;
	int64_t *late; /* rows of folders with mail that is late at a peer */
	size_t late_count;
	/* The folder that births were last looked for in, as it was under
	   its lock since the current folder was read; row 0: none. */
	struct store_view source;
	int64_t source_folder;
};

/* Forget the source view. */
void pass_source_drop(struct pass *p);
/* changed.c: count a folder of which something is logged. */
void pass_changed(struct pass *p, const struct id128 *folder);
/* What is put from now on speaks of this folder too: its directories are made
   durable before it is logged. */
void pass_touch(struct pass *p, const char *path);
/* The same for the directory that a folder's own lies in. */
void pass_touch_parent(struct pass *p, const char *path);
/* Commit what was put so far, and begin again. */
int pass_commit(struct pass *p, struct err *err);
/* A change of kind, stamped now or at event_ms above `above`. */
struct change pass_change(struct pass *p, enum change_kind kind,
	int64_t event_ms, uint64_t above);
int pass_put(struct pass *p, const struct id128 *folder, struct change *c,
	struct err *err);
/* Log that this site is the authority of a folder, which has this identity. */
/* Under which the lsn of our last claim of a folder is kept. Caller frees. */
char *pass_claim_key(struct replica *r, const struct id128 *folder);
int pass_claim(struct pass *p, const struct id128 *folder,
	const struct store_identity *id, struct err *err);

/*
 * flags.c: log that somebody set `add` and cleared `del` of a message at
 * event_ms; nothing if both are empty.
 */
int pass_flags(struct pass *p, const struct id128 *folder,
	const struct replica_message *m, const struct flag_set *add,
	const struct flag_set *del, int64_t event_ms, struct err *err);
/* The same for all by which what is seen differs from what is merged. */
int pass_flags_seen(struct pass *p, const struct id128 *folder,
	const struct replica_message *m, const struct flag_set *seen,
	int64_t event_ms, struct err *err);

/* tree.c: folders and subscriptions. Folders that are in the state's placed
   half and not in the store are noted in p->vanished, into the arena. */
int pass_tree(struct pass *p, struct arena *arena, struct err *err);
/* A folder's cookie: as it was listed, once, or as it is now. */
int pass_cookie(struct pass *p, const struct replica_folder *f,
	struct store_cookie *ret, struct err *err);
/* Log that a folder is gone, once its messages are. */
int pass_folder_gone(struct pass *p, int64_t folder, struct err *err);

/* identity.c: is this site the folder's authority? */
bool pass_is_ours(const struct pass *p, const struct replica_folder *f);
/* What the view says of UIDVALIDITY and GUID, into f's placed half, and logged
   where it is ours to state; with UIDNEXT, which is not logged yet. */
int pass_identity(struct pass *p, struct replica_folder *f,
	const struct store_view *view, struct err *err);
/* Log UIDNEXT as it is in f's placed half, if it is above `before`, the one
   known, and ours to state: after the messages below it were logged. */
int pass_uidnext(struct pass *p, const struct replica_folder *f,
	const struct store_identity *id, uint32_t before, struct err *err);

/* The fields of a message's line, as far as a change can hold them. */
const char *pass_extra(const struct store_message *m);

/* capture.c: is the store a copy of the one that is known? */
bool pass_is_copy(const struct pass *p);

/* capture.c: is a folder to be looked at whatever its cookie says? */
bool pass_again(const struct pass *p, int64_t folder);

/* folder.c: one folder. */
int pass_folder(struct pass *p, int64_t folder, struct err *err);
/* absence.c: decide about absences of one folder: expunge, or a late move. view
   NULL: the folder is gone whole. */
int pass_absences(struct pass *p, int64_t folder, const struct store_view *view,
	struct err *err);

/* Has a letter of its flags no name, and may it get one in a moment? 1 yes,
   0 no (it never will). */
int pass_unresolved(struct pass *p, const struct replica_folder *f,
	const struct store_message *m, struct err *err);

/* uids.c: is there a message that waited for its UID for more than a moment?
   1 yes, 0 no. Then give UIDs to all that have none. */
int pass_wants_uids(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, struct err *err);
int pass_give_uids(
	struct pass *p, const struct replica_folder *f, struct err *err);

/* renumber.c: before folders are looked at: which ones have mail that came late
   at a peer. Into the arena. */
int pass_late_load(struct pass *p, struct arena *arena, struct err *err);
/* Give what is due of a folder other UIDs. Returns 1 if its list was changed:
   what is logged of that is left to the look that follows; else 0. */
int pass_renumber(
	struct pass *p, const struct replica_folder *f, struct err *err);

/* setback.c: what is noted of a list that is behind; known 0: it is not. */
struct behind {
	uint32_t found; /* UIDs from here on may have two meanings */
	uint32_t known; /* UIDNEXT, as peers know */
};
int pass_behind(struct pass *p, const struct replica_folder *f,
	struct behind *ret, struct err *err);
/* In the end of joining: look whether it is. */
int pass_behind_note(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, struct err *err);
/* Before a folder is looked at: p->behind. */
int pass_behind_load(struct pass *p, const struct replica_folder *f,
	const struct store_identity *id, struct err *err);
/* When all that is there was logged: is it over? */
int pass_behind_over(struct pass *p, const struct replica_folder *f,
	const struct store_identity *id, struct err *err);
/* setback.c: undo what was put of a folder since the last commit; it stands
   still until `packetboat on`, and why is told. Returns ERR_OPERATOR. */
int pass_stop_folder(
	struct pass *p, int64_t folder, const char *why, struct err *err);
/* setback.c: undo that, and mend its UID list; or stop it. */
int pass_mend_uids(struct pass *p, int64_t folder, struct err *err);
/* uidback.c: order of UIDs. */
int pass_cmp_uid(const void *a, const void *b);
/* uidback.c: is UIDNEXT lower than it was? */
bool pass_uids_low(
	const struct replica_folder *f, const struct store_identity *id);
/* Mend a UID list that went back. Returns 0; 1 if it is not the folder that is
   known, and nothing was done. f as it was recorded. */
int pass_uids_mend(
	struct pass *p, const struct replica_folder *f, struct err *err);

/* capture.c: the key in meta of what is noted of a folder. Caller frees. */
char *pass_folder_key(const char *what, const struct replica_folder *f);
/* capture.c: did the operator say that a folder was restored on purpose? Once,
   for what is missing in it at the next look. 1 or 0. */
int pass_restored(
	struct replica *r, const struct replica_folder *f, struct err *err);
int pass_restored_set(struct replica *r, const struct replica_folder *f,
	bool value, struct err *err);

/* continuity.c: before all else: a state that may be an older one, or a copy,
   begins a new incarnation. */
int pass_continuity(struct pass *p, struct err *err);
/* The first line of a short file of the system's; "" where it cannot be
   read. */
const char *pass_system_line(
	struct pass *p, const char *path, struct arena *arena);

/* join.c: what comes before all else in a state that joins. Returns 0; 1 if it
   waits for its peers, and that was all. */
int pass_join(struct pass *p, struct arena *arena, struct err *err);
/* At the end of the pass that finishes it. */
int pass_joined(struct pass *p, struct err *err);
/* A folder, or all, is known to nobody when joining is finished: that is told
   where a peer joins, too. */
int pass_both_lost(struct pass *p, struct err *err);
/* Mail is born in a folder of another home while joining is finished. */
int pass_unknown_mail(
	struct pass *p, const struct replica_folder *f, struct err *err);

/*
 * Is this message's folder at home elsewhere, and the message not of here, in a
 * state whose joining ends? Then what differs from placed is what an applier
 * did since: it is recorded, and no change. 1 or 0. The message with or without
 * its dot.
 */
int pass_adopts(struct pass *p, const struct replica_folder *f,
	const struct replica_message *row, struct err *err);
/* The same of a folder: its name, and whether it is there. */
bool pass_adopts_folder(const struct pass *p, const struct replica_folder *f);

/* stocktake.c: note what lies in the store, once in a joining. */
int pass_stocktake(struct pass *p, struct err *err);
/* The hash of a message of a view, whose file is as it was then. Returns 0; 1:
   not noted. */
int pass_stocktaken(struct pass *p, const struct store_view *view,
	const struct store_message *m, const struct store_stat *st,
	struct hash *ret, struct err *err);

/* previewed.c: record a file that lies in a folder, as row says, if it is a
   preview. 1 or 0. */
int pass_preview(struct pass *p, const struct replica_folder *f,
	const struct store_message *m, const struct replica_message *row,
	struct err *err);

/* birth.c: a message that is not among the placed ones, but just where it is
   wanted: record it. */
int pass_recognise(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, const struct store_message *m,
	struct err *err);
/* birth.c: a message that is in the store and not among the placed ones.
   Returns 0; 1 if its UID was another's, as peers know: the list is to be
   mended first. */
int pass_birth(struct pass *p, const struct replica_folder *f,
	const struct store_view *view, const struct store_message *m,
	struct err *err);

#endif
