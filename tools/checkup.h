/*
 * checkup: every byte of our own files: the replica states, the logs up to
 * their durable ends, parcels collected, bodies received, and the bundles that
 * lie on carriers which are there. Reads only, beside other programs; finds all
 * that is damaged, not the first of it.
 */
#ifndef PB_CHECKUP_H
#define PB_CHECKUP_H

#include <stdint.h>

struct err;
struct site;

struct checkup {
	const struct site *site;
	/* Each thing that is damaged; ERR_BUSY: not looked at, in use. */
	void (*found)(void *arg, const struct err *err);
	/* May be NULL: a carrier that is not there now. */
	void (*away)(void *arg, const char *via);
	void *arg;
	/* What was looked at; begins with 0. */
	uint64_t pages, logs, log_bytes, parcels, bodies, bundles;
};

void checkup_site(struct checkup *c);

#endif
