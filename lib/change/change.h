/*
 * change: what a record in a log means, and its bytes.
 *
 * One change is one write, at one site, to the registers of one message or
 * one folder. Changes are coded as delta-coded columns (docs/format.md,
 * Changes): all kinds, then all lsns, then all stamps, ...; a column that
 * nobody in the batch uses costs nothing.
 *
 * The same coding serves frames of a log (one origin, incarnation and folder,
 * lsns without holes) and folds in parcels (lsns with holes; for relays also
 * other writers). What the context gives is not written: a batch has a
 * struct change_context, and a change's log equal to context.log, or an lsn
 * that is the one before plus one, is free.
 */
#ifndef PB_CHANGE_H
#define PB_CHANGE_H

#include "hash.h"
#include "ident.h"
#include "mem.h"

struct err;

enum change_kind {
	/* in a folder's log */
	CHANGE_SAVE = 1,  /* a message born here; its dot is (log, lsn) */
	CHANGE_COPY = 2,  /* born here as a copy of source */
	CHANGE_MOVE = 3,  /* dot is placed in this folder now */
	CHANGE_LEFT = 4,  /* dot moved from here to folder: a reference only */
	CHANGE_FLAGS = 5, /* flags and keywords of dot, + and - */
	CHANGE_EXPUNGE = 6, /* dot is dead */
	CHANGE_UID = 7,	    /* dot has uid in this folder now */
	CHANGE_EXTRA = 8,   /* uidlist fields of dot (POP3 UIDL, GUID, ...) */
	CHANGE_UIDNEXT = 9, /* uid was given, to whatever became of it */
	/* in what a peer with a view is told, and in no log file (viewed.h) */
	CHANGE_VIEW = 10, /* folder is in the peer's view: value */
	CHANGE_OUT = 11,  /* dot lies where the peer sees nothing now */
	/* in the account log */
	CHANGE_FOLDER = 20,    /* folder exists: born here, with path */
	CHANGE_RENAME = 21,    /* folder's full path is now path */
	CHANGE_DELETE = 22,    /* folder is deleted */
	CHANGE_SUBSCRIBE = 23, /* folder (or, if none has it, path): value */
	CHANGE_IDENTITY = 24,  /* folder's uidvalidity, guid, extra (header) */
	CHANGE_AUTHORITY = 25, /* folder's UIDs are given by site, in term */
	CHANGE_MERGE = 26,     /* folder and other are one folder */
	/* in either */
	CHANGE_BEGIN = 40, /* first record of an incarnation: names the
				  position at the end of the one it continues */
	CHANGE_GAP = 41	   /* lsns from..to of an incarnation are lost */
};

/* Limits on what a batch may hold; over them ERR_LIMIT. */
#define CHANGE_BATCH_MAX (1u << 20)
#define CHANGE_NAME_MAX 1024u	 /* base name, path, extra */
#define CHANGE_KEYWORDS_MAX 256u /* keywords in one change */
#define CHANGE_KEYWORD_MAX 128u	 /* bytes of one keyword */
#define CHANGE_LSN_MAX ((UINT64_C(1) << 62) - 1)
/* Bytes of strings in a batch, counted wherever a change points at them. */
#define CHANGE_STRINGS_MAX (1u << 30)
#define STATEMENT_VECTOR_MAX 65536u

/*
 * A set of flags: letters as in a Maildir file name ("FRS", sorted, unknown
 * letters kept; letters a-z are never in here), and keywords by name,
 * separated by one space, sorted without regard to (ASCII) case, none twice,
 * e.g. "$Forwarded work". Never NULL; "" is none. Points into the batch's
 * arena.
 */
struct flag_set {
	const char *letters;
	const char *keywords;
};

struct change {
	enum change_kind kind;
	struct write_id by; /* log, lsn and stamp of this write; stamp 0: at
				birth or first sight */
	/* The message: SAVE, COPY: equal to by's dot. */
	struct dot dot;
	/* COPY: the message copied from. MOVE: a dot that is the same
	   message (the copy that the move was logged as first), or lsn 0. */
	struct dot source;
	uint32_t uid;	      /* SAVE COPY MOVE UID UIDNEXT; 0: none */
	uint64_t size;	      /* SAVE COPY MOVE: bytes of the body */
	int64_t mtime;	      /* SAVE COPY MOVE: INTERNALDATE, s since 1970 */
	struct hash hash;     /* SAVE COPY MOVE: of the body */
	const char *base;     /* SAVE COPY MOVE: file name up to ":2," */
	const char *extra;    /* SAVE COPY MOVE EXTRA: uidlist fields "G…",
				 "P…", space-separated, in the order of
				 letters; EXTRA: G only if it changed, the
				 base name itself where there is none any
				 more; IDENTITY: unknown header fields; ""
				 none */
	struct flag_set add;  /* FLAGS: set; SAVE COPY MOVE: all it has */
	struct flag_set del;  /* FLAGS: cleared */
	struct id128 folder;  /* account log: the folder. LEFT: where to */
	struct id128 other;   /* MERGE: the other folder */
	const char *path;     /* FOLDER RENAME SUBSCRIBE: "A/B", mUTF-7 parts */
	bool value;	      /* SUBSCRIBE: subscribed; VIEW: in view */
	uint32_t uidvalidity; /* IDENTITY; AUTHORITY: of the claimant's folder
				 when it claimed; 0: none */
	uint32_t uidnext;     /* IDENTITY: floor; AUTHORITY: as above */
	struct id128 guid;    /* IDENTITY: mailbox GUID; zero: none */
	uint64_t term, site;  /* AUTHORITY */
	struct position end;  /* BEGIN: continued position; GAP: incarnation
				 and last lost lsn */
	uint64_t first;	      /* GAP: first lost lsn */
	const char *reason;   /* GAP: for people */
};

struct change_context {
	struct log_id log;
	uint64_t first_lsn; /* lsn of the first change, if dense */
	uint64_t base_ms;   /* stamps are coded relative to it */
};

/* Changes with the memory of their strings. All zero is empty. */
struct change_batch {
	struct change *items;
	size_t count, cap;
	struct arena arena;
};

/* Does it say all of a message that there is to say: SAVE, COPY, MOVE? */
bool change_is_birth(const struct change *change);
/* A change that says nothing yet: all zero, strings "". */
struct change change_blank(enum change_kind kind);
/* Append one like that; valid until the next add. */
struct change *change_add(struct change_batch *batch, enum change_kind kind);
/* Copy a string into the batch. */
const char *change_str(struct change_batch *batch, const char *s);
void change_batch_free(struct change_batch *batch);
/* Deep copy of one change to the end of batch. */
struct change *change_copy(
	struct change_batch *batch, const struct change *change);

/*
 * Can this change be coded? Kind known and in the log where it belongs,
 * lsns within limits, strings as docs/format.md (Changes) allows them.
 * Whoever makes changes out of file names asks before the change is encoded;
 * change_decode asks for every change.
 * Errors: ERR_CORRUPT, ERR_LIMIT (too long, too many).
 */
int change_check(const struct change *change, struct err *err);

/*
 * Encode count changes as columns, appended to ret.
 * Every change passes change_check, and lsns ascend within each log: else the
 * bytes cannot be decoded. Fields that a kind does not have are not written.
 * Source: docs/format.md, Changes.
 */
void change_encode(const struct change_context *ctx, const struct change *items,
	size_t count, struct buf *ret);

/*
 * Decode a payload of exactly len bytes; changes are appended to ret.
 * Every value is checked: known kind, limits, strings without NUL, '/' or
 * control bytes where a file name or header field could not hold them,
 * lsns ascending within a log, trailing bytes refused.
 * Errors: ERR_CORRUPT, ERR_LIMIT; ret is then as before.
 */
int change_decode(const struct change_context *ctx, const void *data,
	size_t len, struct change_batch *ret, struct err *err);

/*
 * One change as one line of text that a person can read and grep, without
 * the newline, e.g.
 *   17 2026-11-22T03:04:05.678+1 flags 9d…:12 +S -F +$Forwarded
 */
void change_print(const struct change *change, struct buf *ret);

/* ---- a flush point's statement (statement.c) ---- */

struct statement {
	uint64_t lsn;	/* of this log */
	uint64_t stamp; /* when */
	uint32_t uidnext;
	uint64_t messages;
	uint8_t digest[16];	 /* sum over messages, docs/format.md, Digest */
	struct position *vector; /* what it speaks for, other logs of this
				    folder; owned */
	size_t vector_count;
};
void statement_encode(const struct statement *st, struct buf *ret);
int statement_decode(
	const void *data, size_t len, struct statement *ret, struct err *err);
void statement_free(struct statement *st);
void statement_print(const struct statement *st, struct buf *ret);

#endif
