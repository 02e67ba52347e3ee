/*
 * exchange: the steps of a comparison of one folder by two sites
 * (docs/format.md, Comparison; lib/replica/comparing.h says what is kept).
 *
 *	asks                                    answers
 *	sketch of its rows               ->     what differs is found, or more
 *	                                 <-     is asked for (question)
 *	(sketch, or table                ->)
 *	                                 <-     rows: its own that differ; asks
 *	                                        for those that it lacks
 *	rows that were asked for; what   ->
 *	it knows to be dead of those that
 *	came; a small sketch
 *	                                 <-     equal; or rows …
 *
 * Every step is made from the state of its moment, in one transaction, and may
 * be lost, repeated or late. Rows are merged by the rules of any change. What
 * is absent is not dead for that: a tombstone says so, or else only the site
 * where the dot was born, of a log that it has whole. Who finds nothing to
 * differ settles the gap; and so does a statement that agrees. What is not
 * equal after COMPARING_TURNS is tried anew later, with a table in the place
 * of the sketch.
 */
#ifndef PB_EXCHANGE_H
#define PB_EXCHANGE_H

#include "comparing.h"
#include "keys.h"
#include "parcel.h"

struct err;

struct exchange_result {
	uint64_t taken;	  /* changes and deaths of the peer that were news */
	uint64_t refused; /* that may not come from the peer */
	uint64_t settled; /* folders found equal */
};

struct exchange {
	struct replica *replica;
	uint64_t peer;
	bool takes;  /* the peer's changes are taken here */
	bool relays; /* and what it passes on of others' */
	bool gives;  /* it gets changes from here */
	int64_t now_ms;
	/* May this change come from this peer? 1 or 0. */
	int (*may)(void *arg, const struct change *c, struct err *err);
	void *arg;
	struct exchange_result result;
};

/*
 * One section of a parcel of the peer's. In a transaction; after the parcel's
 * changes were merged.
 * Errors: ERR_CORRUPT, ERR_LIMIT, ERR_AUTH: the parcel is refused;
 * ERR_CONFLICT: it knows more of this very state than there is: was it
 * restored? ERR_IO.
 */
int exchange_take(struct exchange *x, enum parcel_section_type type,
	const struct parcel_compare *c, struct err *err);

/* A section to be packed. */
typedef int (*exchange_add_fn)(void *arg, enum parcel_section_type type,
	const struct parcel_compare *c, struct err *err);

/*
 * All that is due to the peer. again: also what was sent before and was not
 * answered for long. No transaction is open.
 * Returns how many folders were spoken of; when that is durable,
 * comparing_sent is to be called.
 */
int exchange_pack(struct exchange *x, const char *account, bool again,
	exchange_add_fn add, void *arg, struct err *err);

#endif
