/*
 * diff: what two sites lack of each other's folder. Pure functions: given our
 * state and what the peer stated of its own, they say what is to be told and
 * what is to be asked for; nothing is changed here, and the order in which
 * comparisons happen makes no difference.
 *
 * Whether a dot lives is decided by dots alone (diff_dots), never by a row
 * that is missing: the message may have been moved, or renumbered. A dot that
 * a site met and that does not live there in any folder is dead, for ever; one
 * that it did not meet, or may have met in a gap of its logs, is unknown to
 * it. What is true here and what is true there are joined, as if either had
 * read the other's logs: dead before alive, alive before unknown.
 */
#ifndef PB_DIFF_H
#define PB_DIFF_H

#include "rows.h"

struct err;

enum diff_verdict {
	DIFF_ASK = 1,	/* there is something that we do not know */
	DIFF_SEND = 2,	/* here is something that the peer does not know */
	DIFF_DEAD = 4,	/* ours, and expunged there: take it as expunged */
	DIFF_TELL = 8,	/* theirs, and expunged here: tell the expunge */
	DIFF_UNSURE = 16 /* ours, and not there: what became of it? */
};

/* ---- dots (diff_dots.c) ---- */

struct diff_run {
	enum diff_verdict verdict; /* ASK SEND DEAD TELL */
	struct log_id log;
	uint64_t first, last;
};

struct diff_runs {
	struct diff_run *items; /* by log and lsn; owned */
	size_t count, cap;
};

/*
 * Compare which dots live. Both state their living dots whole. Of what is
 * DEAD or SEND every lsn is a living dot of ours; of what is ASK or TELL one
 * of theirs, as they say.
 */
void diff_dots(const struct known *mine, const struct known *theirs,
	struct diff_runs *ret);
void diff_runs_free(struct diff_runs *runs);

/* ---- rows (diff_rows.c) ---- */

/*
 * Rows in the order in which the peer's table has them (statetable_add: by UID
 * only if the table has UIDs). Returns 1 with a row, valid until the next
 * call; 0 at the end, or an error.
 */
struct diff_source {
	int (*next)(void *arg, struct row *ret, struct err *err);
	void *arg;
};

struct diff_side {
	struct diff_source rows;
	const struct known *known;
	/* bits of enum statetable_column: what is in its rows; LIVING: known
	   states the living dots. Ours have all that theirs have, and dots. */
	unsigned columns;
};

/*
 * What is to be done about one message: mine or theirs is NULL where the other
 * has none. verdicts: any of ASK, SEND, TELL, UNSURE together. take: theirs
 * has writes that are later than ours; they can be taken as they are.
 * The rows are valid during the call. Below 0: stop, with this error.
 */
struct diff_row {
	const struct row *mine, *theirs;
	unsigned verdicts;
	bool take;
};
typedef int (*diff_row_fn)(
	void *arg, const struct diff_row *row, struct err *err);

/*
 * Compare rows. They are matched by UID (both have it: so only where authority,
 * term and UIDVALIDITY are the same here and there), else by a dot that both
 * have. Only rows that are not the same come to fn, and only they are kept in
 * memory meanwhile. Whether their dots live is for diff_dots to say.
 * Errors: those of sources and fn.
 */
int diff_rows(const struct diff_side *mine, const struct diff_side *theirs,
	diff_row_fn fn, void *arg, struct err *err);

/* ---- content (diff_content.c) ---- */

enum diff_content {
	CONTENT_SAME,	/* one mail: its dots and registers are to be adopted */
	CONTENT_NEW,	/* ours: the peer never had it */
	CONTENT_DEAD,	/* ours: the peer had it, and it was expunged */
	CONTENT_MISSING /* theirs: we have not got it */
};

/* A mail by its content key. */
struct content_row {
	uint64_t key; /* none twice (keys_sort) */
	uint32_t uid; /* here: that of the UID list; there: confirmed; 0 none */
	int64_t id;   /* the caller's */
};

/* What a peer says of a folder. */
struct content_peer {
	const struct content_row *rows;
	size_t count;
	const uint64_t *dead; /* keys of what was expunged, ascending */
	size_t dead_count;
	/* UIDs of ours below this, given under the same UIDVALIDITY, were seen
	   by the peer: what has none of its rows' UIDs is expunged. 0: our
	   UIDs say nothing. */
	uint32_t uidnext;
};

struct content_match {
	enum diff_content outcome;
	const struct content_row *mine, *theirs; /* NULL: none */
};

/*
 * Compare a folder that lost its state with a peer's: one match for each row
 * of ours and each of theirs that is not ours. ret: room for both counts
 * together. Returns how many there are.
 */
size_t diff_contents(const struct content_row *mine, size_t count,
	const struct content_peer *theirs, struct content_match *ret);

#endif
