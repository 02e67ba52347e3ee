/*
 * doctor: what the parts of `packetboat doctor` share.
 */
#ifndef PB_DOCTOR_H
#define PB_DOCTOR_H

#include "config.h"
#include "doveconf.h"
#include "front.h"

struct doctor {
	struct front *front;
	unsigned refusals, warnings;
	bool root;
	struct doveconf dovecot; /* count 0: none, or not asked */
	struct doveconf_mail mail;
	struct buf conf;	 /* the configuration to print */
	const char *user, *home; /* of who runs this */
	char *state;
	struct arena arena;
};

/* Findings, to stderr. refuse: it cannot work so; how it could follows. */
void doctor_note(struct doctor *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void doctor_warn(struct doctor *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void doctor_refuse(struct doctor *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Which mail there is: fills mail, adds account blocks to conf. */
void doctor_dovecot(struct doctor *d);
void doctor_guess(struct doctor *d); /* without Dovecot's word */

/* Clock, what this kernel can take away, containers, limits, space: `accounts` are what conf gives. */
void doctor_clock(struct doctor *d);
void doctor_rights(struct doctor *d);
void doctor_containers(struct doctor *d);
void doctor_accounts(
	struct doctor *d, const struct config_account *accounts, size_t count);
void doctor_space(struct doctor *d, const char *what, const char *path);

#endif
