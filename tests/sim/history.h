/*
 * history: what happens, one event a line, to be run, shrunk and replayed.
 *
 *	sites 2
 *	peer a b both both
 *	save a INBOX 1 FS
 *	write a
 *	hand a b 0 cut 12 99
 *	flag a INBOX 1 +S amid 30
 *	collect b a 0
 *
 *	dial a b 2400
 *	talk a b 60 flip 40 3
 *
 * An event that has nothing to do (its mail is not there, the stick is
 * elsewhere) does nothing, so that any part of a history is one, too.
 */
#ifndef PB_HISTORY_H
#define PB_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#define EVENT_PATH 48
#define EVENT_WORD 24

enum event_kind {
	EVENT_SITES,  /* n: how many; the first event */
	EVENT_STATES, /* word: "once" every run opens its site's state anew,
			 "made" it stays open; else it may be put there ready
			 made */
	EVENT_PEER,   /* site, other; word: what site's changes are to other and
			 path: what other's are to site: "both" "send" …;
			 "oneway": nothing ever comes back */
	EVENT_RELAY,  /* site passes on to other what others wrote, and takes
			 that from it; it is not the other's doing */
	EVENT_ACCEPT, /* path: what other may change at site from now on,
			 "no-expunge"; "-" everything */
	EVENT_VIEW, /* path: which of site's folders other is shown from now on:
		       globs with commas between; "-" everything */
	EVENT_CREATE,
	EVENT_DELETE,
	EVENT_RENAME,
	EVENT_SUBSCRIBE,
	EVENT_UNSUBSCRIBE,
	EVENT_SAVE,    /* word: letters, "-" none */
	EVENT_DELIVER, /* into new/, without a UID yet */
	EVENT_FLAG,    /* word: "+S", "-S", "+$keyword" */
	EVENT_EXPUNGE,
	EVENT_COPY,
	EVENT_MOVE,
	EVENT_SELECT,	/* somebody looks */
	EVENT_WAIT,	/* n seconds, everywhere */
	EVENT_CLOCK,	/* the site's shows n seconds more than it should */
	EVENT_RETAIN,	/* from now on the site keeps its logs for n seconds;
			   below 0: until everybody has applied them */
	EVENT_PATIENCE, /* … waits n seconds for word of what was collected */
	EVENT_KEEP,	/* an image of the site, as number n */
	EVENT_RESTORE,	/* word: "state", "mail" or "all" of image n */
	EVENT_CLONE,	/* a machine that is no site yet becomes a copy of the
			  other site, as it is now; both go on */
	EVENT_FORGET,	/* word: what is deleted: "state", "logs", "all", or of
			   segment n "segment" or "tail" */
	EVENT_ROT,    /* a register of the n-th message placed there of others'
			 folders is another all at once */
	EVENT_CARRY,  /* the stick comes to the site */
	EVENT_LOSE,   /* bundle n of those on a medium */
	EVENT_AGAIN,  /* the n-th that was ever there comes back */
	EVENT_DAMAGE, /* a bit of bundle n */
	EVENT_DIAL,   /* site calls other, on a line of n bit/s; it stays up */
	EVENT_WRITE,
	EVENT_HAND,    /* over: other's bundle onto a medium */
	EVENT_COLLECT, /* other's bundles from a medium */
	EVENT_TALK,    /* for n seconds: site's link with other moves bytes, and
			  both hand over */
	EVENT_HANG,    /* … and it comes to its end */
	EVENT_APPLY,
	EVENT_SCAN,
	EVENT_RESEND, /* site's operator has all handed over to other again */
	EVENT_KINDS
};

enum event_fault {
	FAULT_NONE,
	FAULT_CUT, /* the power; fault_seed decides what is left */
	FAULT_KILL,
	FAULT_IO,     /* the call fails with EIO */
	FAULT_FULL,   /* … ENOSPC */
	FAULT_SHORT,  /* … writes a part only */
	FAULT_HIDDEN, /* the body that is asked for then is not found */
	/* Of what site says on its line, at which byte: */
	FAULT_BREAK,  /* the line breaks off */
	FAULT_FLIP,   /* bit fault_seed is another */
	FAULT_LOSE,   /* fault_seed bytes are lost */
	FAULT_DOUBLE, /* the last fault_seed bytes come twice */
	FAULT_DEAD,   /* nothing comes any more, and nobody is told */
	FAULT_AMID,
	FAULTS
};

struct event {
	enum event_kind kind;
	unsigned site, other, medium, token;
	char path[EVENT_PATH], to[EVENT_PATH];
	char word[EVENT_WORD];
	int64_t n;
	uint64_t seed;
	/* What befalls a program, and at which of its calls; or, of what a
	   user does, in the midst of the site's next program. */
	enum event_fault fault;
	uint64_t fault_at, fault_seed;
};

struct history {
	struct event *events;
	size_t count;
};

void history_free(struct history *h);
void history_add(struct history *h, const struct event *e);
/* Does it befall the line, not a program? */
bool fault_is_of_line(enum event_fault fault);
/* Has it a second number? */
bool fault_has_seed(enum event_fault fault);
void event_print(const struct event *e, struct buf *ret);
void history_print(const struct history *h, struct buf *ret);
/* Returns 0, or the number of the first line that is none. */
size_t history_parse(const char *text, struct history *ret);

struct history_kind {
	bool disasters; /* states, logs and mail are lost or put back from an
			   image, or a site is copied, too */
	bool oneway;	/* some peers never answer */
	bool views;	/* some are shown a part, and that changes */
};
/* The history of a seed: always the same. */
void history_make(
	uint64_t seed, const struct history_kind *kind, struct history *ret);

#endif
