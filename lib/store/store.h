/*
 * store: the one door to a user's mail.
 *
 * A store is one account's mail as a mail server keeps it: folders with
 * messages, each message a file name (base), flags, keywords, a UID and a
 * body. lib/maildir implements it for Maildirs (with or without Dovecot's
 * files); the simulator implements it in memory. No path below an account's
 * mail root is known outside the implementation.
 *
 * Folder paths are the parts of the name joined by '/', each part mUTF-7
 * bytes as IMAP shows them: "INBOX", "Work/2026", "T&APw-st". "INBOX" is the
 * root. What a layout cannot hold (a '.' in a part under Maildir++) is refused
 * by name with ERR_USAGE.
 *
 * Reading takes no lock unless asked for. All changes to a folder happen in a
 * transaction under the server's own lock (dovecot-uidlist.lock), which is
 * held for milliseconds: bodies are staged and made durable before.
 */
#ifndef PB_STORE_H
#define PB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hash.h"
#include "ident.h"
#include "mem.h"

struct err;
struct os;
struct store;

#define STORE_KEYWORDS_MAX 26  /* letters a..z */
#define STORE_COOKIE_SIZE 64
#define STORE_BASE_MAX 255     /* bytes of a file name */
/* and a folder's id in hex: the path of a folder that waits for its own */
#define STORE_ASIDE "packetboat-"

/*
 * What a folder's files looked like: equal cookies mean that nothing was
 * added, renamed or removed since, unless `racy`: something changed so
 * recently that a later change might leave the same time stamps.
 */
struct store_cookie {
	uint8_t b[STORE_COOKIE_SIZE];
	bool racy;
};

struct store_folder {
	const char *path;
	uint64_t ino;     /* of the folder's directory: survives a rename */
	bool has_cookie;  /* listing it gave this for nothing: */
	struct store_cookie cookie;
};

struct store_list {
	struct store_folder *folders; /* sorted by path, INBOX included */
	size_t folder_count;
	const char **subscribed;      /* sorted paths */
	size_t subscribed_count;
	struct arena arena;
};
void store_list_free(struct store_list *list);

/* What heads a folder's UID list. */
struct store_identity {
	bool has_uids;        /* the server keeps UIDs on disk (uidlist) */
	uint32_t uidvalidity; /* 0 unknown */
	uint32_t uidnext;     /* max(N, last UID + 1); 0 unknown */
	bool has_guid;
	struct id128 guid;
	const char *extra;    /* other header fields, "P…" and unknown; "" */
};

struct store_message {
	const char *base;     /* file name up to ":2,"; the key in a folder */
	const char *name;     /* whole file name now */
	const char *letters;  /* flags, sorted, without a-z; "" none */
	const char *extra;    /* uidlist fields of its line in the order of their
				 letters, but for sizes, which are the
				 server's own; "" none */
	uint32_t keywords;    /* bit i: view->keywords[i] */
	uint32_t uid;         /* 0: no line in the UID list (yet) */
	uint64_t ino;
	bool in_new;          /* lies in new/ */
	bool unresolved;      /* has a keyword letter that has no name (yet) */
	bool doubled;         /* another file has the same base: the caller
				 leaves both alone until the server mended it */
};

/*
 * A line of the UID list whose message is not there: removed since, or a
 * commit was cut short before it was put in place. An add of that base may
 * still have that UID, be it below UIDNEXT.
 */
struct store_pending {
	const char *base;
	uint32_t uid;
};

/* A folder as read at one moment. */
struct store_view {
	struct store_identity identity;
	const char *keywords[STORE_KEYWORDS_MAX]; /* NULL: letter unused */
	struct store_message *messages; /* sorted by base (strcmp), one each */
	size_t count;
	struct store_pending *pending;  /* sorted by base (strcmp) */
	size_t pending_count;
	struct store_cookie cookie;     /* taken before reading */
	bool locked;                    /* read under the server's lock */
	int64_t dir_ctime_ns;           /* later of cur/ and new/: upper bound
					   of the time of an absence */
	struct arena arena;
};
void store_view_free(struct store_view *view);
/* Binary search. NULL when there is none. */
const struct store_message *store_view_find(const struct store_view *view,
	const char *base);
/* True if such a line is there, and no message. */
bool store_view_pending(const struct store_view *view, const char *base,
	uint32_t uid);
/* Keyword names of a message, sorted without regard to case, joined by one
   space; into the arena given. */
const char *store_message_keywords(const struct store_view *view,
	const struct store_message *message, struct arena *arena);

struct store_stat {
	uint64_t size;
	int64_t mtime;    /* s: INTERNALDATE */
	int64_t ctime_ns; /* upper bound of the last flag change */
	uint64_t ino;
};

/* A body being staged: from a file descriptor, or from a message here. */
struct store_body {
	int fd;           /* >= 0: read from its start to its end */
	const struct hash *hash; /* what fd gives must have; NULL: any */
	const char *path; /* fd < 0: the folder … */
	const char *base; /* … and base to take it from (hard link if it may) */
	uint64_t size;    /* must match, else ERR_CORRUPT */
	int64_t mtime;    /* INTERNALDATE it gets */
};

/* Bodies written to a folder's tmp/, not yet visible. */
struct store_stage;
/* A folder being changed, its lock held. */
struct store_txn;
/* Tells which folders may have changed (inotify). */
struct store_watch;

struct store_add {
	const char *base;
	const char *letters;
	const char *keywords;  /* names joined by spaces */
	const char *extra;
	uint32_t uid;          /* 0: the server shall give one */
	size_t staged;         /* index given by stage_add */
};

/* A mail that lies in the trash. */
struct store_trashed {
	struct hash id;       /* names it as long as it is there */
	const char *path;     /* the folder that it was removed from */
	const char *base;
	const char *letters;  /* as of a message */
	const char *keywords; /* names joined by spaces; "" none known */
	int64_t removed_s;
	uint64_t size;
	int64_t mtime;        /* s: INTERNALDATE */
	const char *where;    /* the store's own */
};

struct store_trash {
	struct store_trashed *mails; /* the oldest first */
	size_t count;
	struct arena arena;
};
void store_trash_free(struct store_trash *trash);

enum store_view_how {
	STORE_UNLOCKED = 0, /* an absence seen so is not to be believed */
	STORE_LOCKED = 1    /* under the server's lock (where it has one) */
};

struct store_marker {
	struct id128 id;
	int64_t made_ns; /* its file: a copy of the store has another time; 0
			    where nobody can say */
};

struct store_ops {
	void (*close)(struct store *s);

	/*
	 * A random id kept in the mail root (made when there is none and
	 * `make`): tells a store from another that was mounted in its place.
	 * Returns 0; 1 if it was just made. Errors: ERR_ABSENT (none, and not
	 * make; or the root itself is not there), ERR_IO.
	 */
	int (*marker)(struct store *s, bool make, struct store_marker *ret,
		struct err *err);

	int (*list)(struct store *s, struct store_list *ret, struct err *err);
	/* At most 6 system calls, none per message. */
	int (*cookie)(struct store *s, const char *path,
		struct store_cookie *ret, struct err *err);
	/* The head of the UID list only. */
	int (*identity)(struct store *s, const char *path, struct arena *arena,
		struct store_identity *ret, struct err *err);
	/*
	 * Read a folder. Unlocked, a view is retried until nothing moved while
	 * it was read, and taken under the lock after a few tries.
	 * Errors: ERR_ABSENT (no such folder), ERR_BUSY (lock not had in
	 * time), ERR_CORRUPT (uidlist cannot be parsed), ERR_IO.
	 */
	int (*view)(struct store *s, const char *path, enum store_view_how how,
		struct store_view *ret, struct err *err);
	/*
	 * Size, dates and inode of a message (by its base; `name` of the view
	 * is tried first). Errors: ERR_ABSENT (gone), ERR_IO.
	 */
	int (*stat)(struct store *s, const char *path,
		const struct store_message *m, struct store_stat *ret,
		struct err *err);
	/* The same, and open its body for reading: fd to pread and close. */
	int (*open)(struct store *s, const char *path, const char *base,
		const char *name_hint, int *ret_fd, struct store_stat *ret,
		struct err *err);
	/* fsync of the directories and UID list that changes of a folder speak
	   of; for INBOX also what lists the folders and subscriptions. */
	int (*sync)(struct store *s, const char *path, struct err *err);

	/* ---- changes ---- */

	/* path NULL: for a folder still to be built (see txn_begin). */
	int (*stage_begin)(struct store *s, const char *path,
		struct store_stage **ret, struct err *err);
	/* Returns 0 and the index of the staged body. */
	int (*stage_add)(struct store_stage *st, const struct store_body *body,
		size_t *ret_index, struct err *err);
	/* Every staged body and the directory durable. */
	int (*stage_sync)(struct store_stage *st, struct err *err);
	/* Removes what was staged and not added. */
	void (*stage_end)(struct store_stage *st);

	/*
	 * Take the folder's lock and read it. With `build`, the folder must
	 * not exist: it is built aside, whole, and txn_commit renames it into
	 * place. Errors: ERR_BUSY (lock), ERR_ABSENT, ERR_CONFLICT (build:
	 * it exists), ERR_IO.
	 */
	int (*txn_begin)(struct store *s, const char *path, bool build,
		struct store_stage *stage, struct store_txn **ret,
		struct err *err);
	const struct store_view *(*txn_view)(struct store_txn *t);
	/* All of these only note what commit shall do. */
	/* Its UID is at or above UIDNEXT, or pending. */
	void (*txn_add)(struct store_txn *t, const struct store_add *add);
	/* letters: the whole set; keywords: names, the whole set. Keywords
	   that find no letter (27th) are left out; commit tells. */
	void (*txn_flags)(struct store_txn *t, const char *base,
		const char *letters, const char *keywords);
	void (*txn_expunge)(struct store_txn *t, const char *base);
	/* Its body becomes the staged one, with name and UID as they are; the
	   file that it had goes to the trash. */
	void (*txn_replace)(struct store_txn *t, const char *base,
		size_t staged);
	/* A new UID for a message: at or above UIDNEXT (dovecot.md 0.5). */
	void (*txn_uid)(struct store_txn *t, const char *base, uint32_t uid,
		const char *extra);
	/* uidvalidity 0, has_guid false, uidnext 0: leave as it is. */
	void (*txn_identity)(struct store_txn *t,
		const struct store_identity *identity);
	/*
	 * Do it, in the order that a crash at any point leaves a folder that
	 * the server reads rightly: keywords, UID list, files; directories
	 * fsynced last. What is removed goes to the trash.
	 * Returns 0, or 1 if some keyword found no letter.
	 * Errors: nothing or a part was done; the next view tells which.
	 */
	int (*txn_commit)(struct store_txn *t, struct err *err);
	/* Drop the lock and the struct, committed or not. */
	void (*txn_end)(struct store_txn *t);

	/*
	 * Finish what a killed run left of the three below, so that a folder
	 * on its way is not taken for one that was removed. Only for who has
	 * the account's lock. May be NULL.
	 * Errors: ERR_OPERATOR where a person has to look.
	 */
	int (*settle)(struct store *s, struct err *err);
	/* With its children (Maildir++: each directory). Idempotent: done
	   when `to` is there and `from` is not. */
	int (*rename)(struct store *s, const char *from, const char *to,
		struct err *err);
	/* Moved whole to the trash. Not there: done. */
	int (*remove)(struct store *s, const char *path, struct err *err);
	int (*subscribe)(struct store *s, const char *path, bool value,
		struct err *err);
	/* Remove from the trash what is older than age_s, then the oldest
	   until at most max_bytes remain. */
	int (*trash_clean)(struct store *s, int64_t age_s, uint64_t max_bytes,
		struct err *err);
	/*
	 * What lies there, mail by mail, also that of folders which were
	 * removed whole. All three may be NULL, and want no lock.
	 * Errors: ERR_ABSENT (it is not there any more), ERR_IO.
	 */
	int (*trash_list)(struct store *s, struct store_trash *ret,
		struct err *err);
	/* Its bytes, to pread and close. */
	int (*trash_open)(struct store *s, const struct store_trashed *mail,
		int *ret_fd, struct err *err);
	/* It lies in a folder again: no longer here. Not there: done. */
	int (*trash_forget)(struct store *s, const struct store_trashed *mail,
		struct err *err);

	/* ---- watching (real systems only; may be NULL) ---- */

	int (*watch_open)(struct store *s, struct store_watch **ret,
		int *ret_fd, struct err *err);
	/* Watch these folders and no others (call again after list changes).
	   Returns the number that could not be watched and must be polled. */
	int (*watch_set)(struct store_watch *w, const struct store_list *list,
		struct err *err);
	/*
	 * Read what is pending (after poll said so): calls dirty(arg, path)
	 * per folder that may have changed and whose lock is free; path NULL:
	 * the set of folders, subscriptions, or an overflow: look at all.
	 */
	int (*watch_read)(struct store_watch *w,
		void (*dirty)(void *arg, const char *path), void *arg,
		struct err *err);
	void (*watch_close)(struct store_watch *w);
};

struct store {
	const struct store_ops *ops;
	struct os *os;
};

#endif
