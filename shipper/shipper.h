/*
 * shipper: what the parts of the program share; not of its library.
 */
#ifndef PB_SHIPPER_H
#define PB_SHIPPER_H

#include "bodyclient.h"
#include "err.h"
#include "program.h"
#include "site.h"
#include "untaken.h"

/* `sync` does one, has it applied, then does the other. */
enum step { STEP_BOTH, STEP_COLLECT, STEP_HAND_OVER };

struct link_note {
	uint64_t link;	/* hash of peer and via */
	bool away;	/* it was not there in the last round */
	bool visited;	/* and again: */
	int64_t next_ms; /* monotonic */
};

struct shipper {
	struct site site;
	struct logger log;
	struct progress progress;
	const char *config_path;
	struct body_client bodies; /* started when first needed */
	bool bodies_open;
	int64_t bodies_again; /* could not be started: not before then */
	struct err bodies_err;
	const char *only_peer, *only_link, *output;
	const char **accounts; /* of this round */
	size_t account_count;
	struct untaken untaken;
	struct link_note *notes;
	size_t note_count;
	int code;
	bool following;
	enum step step;
};

/* Say what went wrong; the exit code is the worse from now on. */
void shipper_fail(struct shipper *s, const struct err *err);

/* links.c: serve every link that is asked for, once. */
void links_round(struct shipper *s);

#endif
