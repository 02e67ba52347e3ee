/*
 * maildir: a mail store that is a Maildir, Dovecot's or a plain one.
 */
#ifndef PB_MAILDIR_H
#define PB_MAILDIR_H

#include <sys/types.h>

#include "store.h"

enum maildir_layout {
	MAILDIR_AUTO,   /* fs if there is no ".X" folder and a plain
			   sub-directory with cur/ exists; else Maildir++ */
	MAILDIR_PLUSPLUS,
	MAILDIR_FS
};

struct maildir_config {
	const char *root;    /* Maildir: holds cur/ new/ tmp/ of INBOX */
	const char *control; /* where control files are; NULL: in the mail */
	const char *index;   /* where Dovecot's index files are; NULL: in the
				mail. They follow their folder, no more */
	const char *inbox;   /* INBOX's directory if not root; NULL */
	enum maildir_layout layout;
	uid_t uid;           /* files are touched as this user … */
	gid_t gid;           /* … and group, when run as root; -1: as is */
	int64_t lock_wait_ms;/* for dovecot-uidlist.lock; 0: 10 s */
	bool dovecot;        /* make Dovecot's files where they are missing:
				a target that a Dovecot serves */
	bool guess;          /* the same only if INBOX has Dovecot's UID list,
				or holds no mail at all yet */
};

/*
 * Open a store. The root must exist and be a directory (ERR_ABSENT), except
 * that with `make` it is created with an empty INBOX.
 */
int maildir_open(struct os *os, const struct maildir_config *config,
	bool make, struct store **ret, struct err *err);

/* ---- pure parts, for tests and fuzzing (name.c, uidlist.c, …) ---- */

/* Split a file name: base length and the letters after ":2,". */
struct maildir_name {
	size_t base_len;
	const char *flags; /* points into the name, "" if there are none */
};
/* Returns 0; 1 when the name is not a message's (starts with '.', holds CR,
   LF or '/', is over-long). */
int maildir_name_parse(const char *name, struct maildir_name *ret);
/* "<base>:2,<letters sorted>"; letters may hold a-z for keywords. */
void maildir_name_make(const char *base, const char *letters, struct buf *ret);
/* Size stated by ",S=" in a base, or -1. */
int64_t maildir_name_size(const char *base);

struct uidlist_line {
	uint32_t uid;
	const char *extra; /* "P… G…" */
	const char *base;
};
struct uidlist {
	struct store_identity identity; /* uidnext already max(N, last+1) */
	uint32_t n;                     /* N as written */
	struct uidlist_line *lines;     /* ascending by uid */
	size_t count;
	struct arena arena;
};
/* v3 and v1. Errors: ERR_CORRUPT where Dovecot would call it broken. */
int uidlist_parse(const void *data, size_t len, struct uidlist *ret,
	struct err *err);
void uidlist_print(const struct uidlist *list, struct buf *ret);
void uidlist_free(struct uidlist *list);

/* dovecot-keywords: ret[i] is the name of letter 'a'+i or NULL. */
int keywords_parse(const void *data, size_t len, struct arena *arena,
	const char *ret[STORE_KEYWORDS_MAX], struct err *err);
void keywords_print(const char *const names[STORE_KEYWORDS_MAX],
	struct buf *ret);

/* subscriptions, v1 and v2, to paths with '/' between parts. sep is the
   layout's separator in v1 files ('.' or '/'). */
int subscriptions_parse(const void *data, size_t len, char sep,
	struct arena *arena, const char ***ret, size_t *ret_count,
	struct err *err);
void subscriptions_print(const char *const *paths, size_t count,
	struct buf *ret);

#endif
