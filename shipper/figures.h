/*
 * figures: when a daemon replaces the file for Prometheus ("metrics" of the
 * site): where anything is new, never while nothing happens, and never for more
 * than a twentieth of the time.
 */
#ifndef PB_FIGURES_H
#define PB_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

struct shipper;

struct figures {
	bool known;	  /* the file is as things are, but for: */
	int64_t next_ms;  /* not before then; monotonic */
	int64_t calls_ns; /* when a call was last told of */
};

/* changed: something did, in the state of an account. f: all zero at first. */
void figures_round(struct shipper *s, struct figures *f, bool changed);

#endif
