/*
 * maildir_private: what the files of lib/maildir share.
 *
 *	maildir.c      open; the table of operations, each done as the mail user
 *	layout.c       folder path <-> directory, Maildir++ and fs; modes
 *	control.c      small files of the server: read safely, replace durably
 *	lines.c        lines of such files
 *	name.c         message file names
 *	uidlist.c keywords.c subscriptions.c uidvalidity.c   one format each
 *	temp.c         unique names, and what a crash leaves of them
 *	work.c         notes, so that leftovers are looked for
 *	lock.c         dovecot-uidlist.lock
 *	list.c         the folders of an account
 *	cookie.c       did a folder move? its identity; its fsync
 *	scan.c         a folder as read at one moment
 *	message.c      one message: stat and open
 *	stage.c        bodies in tmp/
 *	txn.c plan.c uidplan.c commit.c   a folder being changed: noted,
 *	               planned, done
 *	build.c        a folder made aside and renamed into place
 *	index.c        Dovecot's index, when it has to go
 *	place.c rename.c remove.c   folders placed, renamed, removed
 *	moving.c       a folder on its way, in more than one step
 *	trash.c        where removed mail stays for a time
 *	trashed.c      what lies there, to be restored
 *	marker.c       the id of a store
 *	watch.c        inotify
 */
#ifndef PB_MAILDIR_PRIVATE_H
#define PB_MAILDIR_PRIVATE_H

#include "err.h"
#include "maildir.h"
#include "mem.h"
#include "os.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

#define UIDLIST_FILE "dovecot-uidlist"
#define LOCK_FILE UIDLIST_FILE ".lock"
#define KEYWORDS_FILE "dovecot-keywords"
#define UIDVALIDITY_FILE "dovecot-uidvalidity"
#define SUBSCRIPTIONS_FILE "subscriptions"

/* Limits, checked before memory is taken. */
#define UIDLIST_SIZE_MAX ((size_t)512 << 20)
#define KEYWORDS_SIZE_MAX ((size_t)64 << 10)
#define SUBSCRIPTIONS_SIZE_MAX ((size_t)16 << 20)
#define MESSAGES_MAX ((size_t)5000000)
#define KEYWORD_NAME_MAX 50 /* Dovecot's mail_max_keyword_length */

struct maildir {
	struct store store;	    /* first: operations get this */
	char *root;		    /* no '/' at the end */
	char *control;		    /* NULL: with the mail */
	char *index;		    /* NULL: with the mail */
	char *inbox;		    /* NULL: root */
	enum maildir_layout layout; /* never MAILDIR_AUTO */
	uid_t uid;
	gid_t gid;
	int64_t lock_wait_ns;
	bool dovecot;
	char host[256];
	int64_t opened_ns;  /* wall clock: older names of our pid are strays */
	uint64_t names;	    /* unique names given out */
	struct lock *locks; /* held by this store */
	char *note;	    /* that this store is being changed; NULL: not */
	bool littered;	    /* something of ours could not be removed */
};

/* ---- layout.c ---- */

/* A folder's directories. */
struct folder {
	const char *path; /* as given, not owned */
	bool inbox;
	char *dir;     /* holds cur/ new/ tmp/ */
	char *control; /* holds dovecot-uidlist; equal to dir by default */
	char *index;   /* holds dovecot.index*; equal to dir by default */
	char *rel;     /* name in the trash: INBOX, Work.2026, Work/2026 */
};
/* Errors: ERR_USAGE (this layout cannot hold such a name). */
int folder_init(const struct maildir *m, const char *path, struct folder *ret,
	struct err *err);
void folder_release(struct folder *f);
#define AUTO_FOLDER __attribute__((cleanup(folder_release)))

/* Parts separated by '/', none empty or odd: what any layout could hold. */
bool folder_path_ok(const char *path);
/* The path of a folder whose `rel` this is. To free. */
char *layout_path(const struct maildir *m, const char *rel);
/* '.' or '/': between the parts of a name on disk. */
char layout_separator(const struct maildir *m);
/* Which layout lies at root: never MAILDIR_AUTO. */
enum maildir_layout layout_detect(struct os *os, const char *root);
/* Where our own things are in the mail of INBOX. */
#define PRIVATE_DIR "cur/.packetboat"
/* <INBOX>/cur/.packetboat (see trash.c). To free. */
char *layout_private(const struct maildir *m, bool inbox);
/* Where subscriptions and dovecot-uidvalidity are. */
const char *layout_control_root(const struct maildir *m);
bool is_directory(struct os *os, const char *path);
bool layout_is_part(const char *name); /* cur, new, tmp */

/* Modes of what is made in a folder, from its directory as Dovecot does. */
struct modes {
	mode_t file, dir;
};
int modes_of(
	struct os *os, const char *dir, struct modes *ret, struct err *err);
/* mkdir with exactly this mode, whatever the umask. There: fine. */
int make_dir(struct os *os, const char *path, mode_t mode, struct err *err);

char *path_join(const char *dir, const char *name); /* to free */

/* ---- control.c ---- */

/*
 * Append a regular file's bytes to ret; ret_stat may be NULL.
 * Returns 0, or 1 if there is no such file.
 * Errors: ERR_LIMIT, ERR_IO (also: a link, a FIFO, a directory).
 */
int control_read(struct os *os, const char *path, size_t max, struct buf *ret,
	struct os_stat *ret_stat, struct err *err);
/*
 * A new file tmp with these bytes (head, which may be NULL, then body),
 * fsynced, renamed over path. The directory is not fsynced. mtime_ns 0: as it
 * comes.
 */
int control_replace(struct os *os, const char *tmp, const char *path,
	const struct buf *head, const struct buf *body, mode_t mode,
	int64_t mtime_ns, struct err *err);

/* ---- lines.c ---- */

struct slice {
	const char *at;
	size_t len;
};
struct lines {
	const char *at, *end;
	bool torn; /* the last line had no LF; it was not given */
};
struct lines lines_over(const void *data, size_t len);
/* The next line that ends in LF, without it and without CRs before it. */
bool lines_next(struct lines *l, struct slice *ret);
/* All of it decimal digits and at most max. */
bool slice_number(struct slice s, uint64_t max, uint64_t *ret);
/* Cut off what stands before the first c, and c; false: there is none. */
bool slice_cut(struct slice *s, char c, struct slice *ret_before);

/* ---- name.c ---- */

/* The letters a-z of a name's flags, bit 0 for a. */
uint32_t name_keywords(const char *flags);
/* The flags without a-z, sorted, each once; a second set of flags (behind a
   comma) as it is. */
void name_letters(const char *flags, struct buf *ret);
/* True if base can be the base of a message's file name, alone. */
bool name_base_ok(const char *base);
/* "<base>:2,<letters and keywords>"; letters of a stranger are cleaned. */
void name_build(const char *base, const char *letters, uint32_t keywords,
	struct buf *ret);

/* ---- uidlist.c ---- */

struct uidlist_reader {
	struct lines lines;
	int version;
	uint32_t last_uid;
	size_t line;
};
struct uidlist_slice {
	uint32_t uid;
	struct slice extra, base;
};
/* The header. identity.uidnext is N as written; extra is put in arena. */
int uidlist_read_head(struct uidlist_reader *r, const void *data, size_t len,
	struct arena *arena, struct store_identity *ret, struct err *err);
/* Returns 1 and a line, 0 at the end. r->lines.torn: a line lacks its LF. */
int uidlist_read_line(
	struct uidlist_reader *r, struct uidlist_slice *ret, struct err *err);
/* One space between fields, fields that are none left out. */
void uidlist_extra_tidy(struct slice extra, struct buf *ret);
/* The same in the order of letters, and without sizes (S, W): a server writes
   them when it comes to know them, and does without. */
void uidlist_extra_lasting(struct slice extra, struct buf *ret);
bool uidlist_extra_ok(const char *extra);
void uidlist_print_head(const struct store_identity *id, struct buf *ret);
void uidlist_print_line(
	uint32_t uid, struct slice extra, struct slice base, struct buf *ret);

/* ---- keywords.c ---- */

bool keyword_ok(struct slice name);
/* The letter (0..25) of a name, or -1. */
int keywords_find(
	const char *const names[STORE_KEYWORDS_MAX], struct slice name);

/* ---- subscriptions.c ---- */

/* The file with path added or taken away, every other line as it was.
   Returns true if that changed something. */
bool subscriptions_edit(const void *data, size_t len, char sep,
	const char *path, bool value, struct buf *ret);
/* Remove a lock that is stale. Returns false if one is there still. */
bool subscribe_sweep(struct maildir *m);
int subscribe_set(
	struct maildir *m, const char *path, bool value, struct err *err);

/* ---- uidvalidity.c ---- */

/* Folders made from now on get a UIDVALIDITY above value. */
int uidvalidity_raise(struct maildir *m, uint32_t value, struct err *err);
/* A value of our own: one above the last. */
int uidvalidity_next(struct maildir *m, uint32_t *ret, struct err *err);

/* ---- index.c ---- */

/*
 * Remove a folder's index files, which hold the UIDVALIDITY that is to go, if
 * nobody has them open. The caller replaces the uidlist and then lets go.
 * Returns the lease that keeps others waiting meanwhile, -1: none.
 */
int index_forget(struct maildir *m, const struct folder *f);
void index_let_go(struct maildir *m, int lease);

/* ---- temp.c ---- */

/* "<s>.M<us>P<pid>Q<n>.<host>"; `ours` adds ",packetboat". To free. */
char *temp_name(struct maildir *m, bool ours);
/* True if name is one of ours, of a process that is dead. */
bool temp_is_stray(struct maildir *m, const char *name);
/* True if name has our own pid, and is from before this store was opened. */
bool temp_is_earlier(struct maildir *m, const char *name);
/* Remove what dead processes left in dir under names of ours. */
void temp_sweep(struct maildir *m, const char *dir);

/* ---- work.c ---- */

/* To be called before anything is made that a crash would leave behind. */
int work_begin(struct maildir *m, struct err *err);
void work_end(struct maildir *m);
/* Remove such a thing. Returns 0; -errno where the system refuses: the note
   stays for it. */
int work_remove(struct maildir *m, const char *path);
/* Sweep away what dead processes left in this store. */
void work_sweep(struct maildir *m);

/* ---- lock.c ---- */

/* The later of its two times. */
int64_t file_changed_ns(const struct os_stat *st);
/* Was it last changed before this machine was started? */
bool file_outlived(struct os *os, const struct os_stat *st);

struct lock;
/* True if the folder has a lock: Dovecot's files, or to be given them. */
bool lock_wanted(const struct maildir *m, const struct folder *f);
/* Errors: ERR_BUSY (not had in time, or this process has it), ERR_IO. */
int lock_take(struct maildir *m, const struct folder *f, struct lock **ret,
	struct err *err);
/* The same for a folder that is to be moved, where there is one that has a
   lock: who holds it must not lose the ground under it. NULL: there is none. */
int lock_folder(struct maildir *m, const struct folder *f, struct lock **ret,
	struct err *err);
/* The lock may have gone with its folder to this directory. NULL: nothing. */
void lock_follow(struct lock *l, const char *dir);
bool lock_held(const struct lock *l); /* still ours on disk */
/* NULL: nothing. Returns 0; -errno: it was ours and could not be removed. */
int lock_release(struct lock *l);
/*
 * Override a dead process's lock, waiting until it is stale. Returns false if
 * it may be one but stays: then a temporary file may be it, under its other
 * name, and must stay too (removing it would make the lock fresh).
 */
bool lock_sweep(struct maildir *m, const struct folder *f);

/* ---- cookie.c ---- */

struct folder_stat {
	struct os_stat cur, new, uidlist, keywords; /* mode 0: not there */
};
/* Four calls. Errors: ERR_ABSENT (no cur/), ERR_IO. */
int folder_stat(struct maildir *m, const struct folder *f,
	struct folder_stat *ret, struct err *err);
/* now_ns: a wall clock read before folder_stat. */
void cookie_of(
	const struct folder_stat *st, int64_t now_ns, struct store_cookie *ret);
/* ns: the latest change of any of them. */
int64_t folder_stat_latest(const struct folder_stat *st);
int cookie_read(struct maildir *m, const char *path, struct store_cookie *ret,
	struct err *err);
int identity_read(struct maildir *m, const char *path, struct arena *arena,
	struct store_identity *ret, struct err *err);
int folder_sync(struct maildir *m, const char *path, struct err *err);

/* ---- list.c, scan.c, message.c ---- */

int list_read(struct maildir *m, struct store_list *ret, struct err *err);
/* Under a lock the caller holds: one reading. */
/* The message of a base, looked for at *hint first, which moves on. */
const struct store_message *scan_find(
	const struct store_view *view, struct slice base, size_t *hint);
int scan_locked(struct maildir *m, const struct folder *f,
	struct store_view *ret, struct err *err);
int scan_view(struct maildir *m, const char *path, enum store_view_how how,
	struct store_view *ret, struct err *err);
int message_stat(struct maildir *m, const char *path,
	const struct store_message *message, struct store_stat *ret,
	struct err *err);
int message_open(struct maildir *m, const char *path, const char *base,
	const char *hint, int *ret_fd, struct store_stat *ret, struct err *err);
/* Where a message is now: "cur/name" or "new/name" under f->dir. To free.
   Errors: ERR_ABSENT, ERR_IO. */
int message_find(struct maildir *m, const struct folder *f, const char *base,
	const char *hint, char **ret, struct err *err);

/* ---- stage.c ---- */

struct staged {
	char *path;
	bool used; /* made a message */
};
struct store_stage {
	struct maildir *m;
	char *dir; /* tmp/ where bodies are put */
	int dir_fd;
	char *aside; /* for a folder to be built: its directory; NULL */
	mode_t mode;
	struct staged *bodies;
	size_t count, synced;
};
int stage_begin(struct maildir *m, const char *path, struct store_stage **ret,
	struct err *err);
int stage_add(struct store_stage *st, const struct store_body *body,
	size_t *ret_index, struct err *err);
int stage_sync(struct store_stage *st, struct err *err);
void stage_end(struct store_stage *st);

/* ---- txn.c, plan.c, commit.c, build.c ---- */

/* What shall become of a message that is there. */
struct txn_change {
	const char *letters, *keywords; /* letters NULL: as they are */
	const char *extra;		/* with uid; NULL: as it is */
	uint32_t uid;			/* 0: as it is */
	bool expunge;
	bool replace;			/* by the staged body */
	size_t staged;
};
struct txn_add {
	struct store_add add; /* strings in the txn's arena */
	char *name;	      /* file name, from the plan */
};
struct store_txn {
	struct maildir *m;
	struct folder f;
	struct lock *lock; /* NULL: none needed */
	bool build;
	char *aside; /* build: where; NULL when in place */
	struct store_stage *stage;
	struct store_view view;
	struct txn_change *changes; /* one per message of the view */
	struct txn_add *adds;
	size_t add_count;
	struct store_identity identity;
	bool has_identity;
	struct arena arena;
};
int txn_begin(struct maildir *m, const char *path, bool build,
	struct store_stage *stage, struct store_txn **ret, struct err *err);
void txn_add(struct store_txn *t, const struct store_add *add);
void txn_flags(struct store_txn *t, const char *base, const char *letters,
	const char *keywords);
void txn_expunge(struct store_txn *t, const char *base);
void txn_replace(struct store_txn *t, const char *base, size_t staged);
void txn_uid(
	struct store_txn *t, const char *base, uint32_t uid, const char *extra);
void txn_identity(struct store_txn *t, const struct store_identity *identity);
int txn_commit(struct store_txn *t, struct err *err);
void txn_end(struct store_txn *t);

/* What commit will do, worked out before anything is changed. */
struct plan {
	const char *keywords[STORE_KEYWORDS_MAX];
	bool keywords_changed;
	bool left_out;	      /* some keyword found no letter */
	bool uidlist_changed; /* identity and lines are to be written */
	bool uids_changed;    /* of messages that were there */
	bool new_uidvalidity;
	struct store_identity identity; /* uidvalidity 0: one of our own */
	struct buf lines;		/* of the uidlist, behind the header */
	char **names; /* per message: its new file name, NULL: as it is */
};
/*
 * Errors: ERR_CONFLICT (a UID below UIDNEXT or taken twice, a base that is
 * there), ERR_USAGE (a base, a field that cannot be), ERR_LIMIT, ERR_IO.
 * Nothing is changed. ret is to be released whatever is returned.
 */
int plan_make(struct store_txn *t, struct plan *ret, struct err *err);
void plan_release(struct plan *p, const struct store_txn *t);
/* The part of it that is the UID list (uidplan.c). */
int uidplan_make(struct store_txn *t, struct plan *p, struct err *err);

/* The aside directory of a folder to be built. To free in *ret. */
int build_aside(struct maildir *m, char **ret, struct modes *ret_modes,
	struct err *err);
/* Rename it into place, durably. Errors: ERR_CONFLICT (a folder is there). */
int build_place(struct maildir *m, const struct folder *f, const char *aside,
	struct err *err);

/* ---- place.c, rename.c, remove.c, trash.c ---- */

/*
 * Move what is in a folder's directory into another, cur/ last; folders below
 * it (layout fs) only with `children`. Not fsynced.
 */
int place_parts(struct maildir *m, const char *from, const char *to,
	bool children, struct err *err);
/*
 * Rename a directory to where no folder is, parents made, the parent of `to`
 * fsynced. A plain directory there takes the parts.
 */
int place_folder(
	struct maildir *m, const char *from, const char *to, struct err *err);
bool path_exists(struct os *os, const char *path);
/* A directory all of whose parts were moved elsewhere, but for its lock. */
void drop_moved(struct os *os, const char *dir);
char *path_parent(const char *path); /* to free */
/* An entry that is a directory, asked for where the listing does not tell. */
bool entry_is_directory(
	struct os *os, const char *dir, const struct os_entry *e);

int folder_rename(
	struct maildir *m, const char *from, const char *to, struct err *err);
int folder_remove(struct maildir *m, const char *path, struct err *err);

/*
 * Move a folder by way of a place of ours, with its control and index files
 * where they lie elsewhere. Names are below a root, as the layout writes them;
 * `to` may be trash_name's. whole false: without the folders below it. *lock,
 * its lock or NULL, stays its lock; in the trash it is released, and NULL then.
 * Errors: it may be under way still.
 */
int moving_move(struct maildir *m, const char *from, const char *to, bool whole,
	struct lock **lock, struct err *err);
/*
 * Finish what is under way, left by a crash or an error. Only for who may
 * move folders.
 * Errors: ERR_OPERATOR where a person has to look; others.
 */
int moving_settle(struct maildir *m, struct err *err);
/* The files of a control or index directory go to another, or, to NULL, away.
   A lock stays. */
int side_empty(struct maildir *m, const char *dir, const char *to,
	struct err *err);
/*
 * What lies at the place of a folder, or once belonged to one there, goes to
 * the trash; folders below stay.
 */
int folder_clear(struct maildir *m, const struct folder *f, struct err *err);
/* Directories above a folder that went which hold nothing any more. */
void folder_drop_empty_parents(struct maildir *m, const struct folder *f);

/*
 * Maildir++ quota: the sums in maildirsize are no longer right. Without the
 * file the server counts anew.
 */
void quota_forget(const struct maildir *m);

/* A place in the trash for a folder, below the root; nothing is made. */
char *trash_name(struct maildir *m, const struct folder *f);
/* A directory in the trash for messages of f, durable; its path, to free. */
int trash_batch(
	struct maildir *m, const struct folder *f, char **ret, struct err *err);
int trash_clean(
	struct maildir *m, int64_t age_s, uint64_t max_bytes, struct err *err);
/* The second of the removal in a batch's name, or -1: none of ours. */
int64_t trash_time(const char *name);

/* ---- trashed.c ---- */

int trash_list(struct maildir *m, struct store_trash *ret, struct err *err);
int trash_open(struct maildir *m, const struct store_trashed *mail,
	int *ret_fd, struct err *err);
int trash_forget(
	struct maildir *m, const struct store_trashed *mail, struct err *err);

/* ---- watch.c ---- */

int watch_open(struct maildir *m, struct store_watch **ret, int *ret_fd,
	struct err *err);
int watch_set(
	struct store_watch *w, const struct store_list *list, struct err *err);
int watch_read(struct store_watch *w,
	void (*dirty)(void *arg, const char *path), void *arg, struct err *err);
void watch_close(struct store_watch *w);
struct maildir *watch_maildir(const struct store_watch *w);

/* ---- marker.c, maildir.c ---- */

/* File accesses as the mail user from here, as before from leave. */
int maildir_enter(struct maildir *m, struct err *err);
void maildir_leave(struct maildir *m);
int marker_read(
	struct maildir *m, bool make, struct store_marker *ret, struct err *err);

#endif
