/*
 * views: what a peer may see of a site's mail, as the oracle knows it: which
 * folders the rule in force shows, where mail lay while it did, and what of it
 * was ever in view. Shares no code with lib/store/viewrule.h.
 *
 * Between what users do and what a site's writer has seen of it a mail may count
 * as lying where it lay before, too: it is *believed* there.
 */
#ifndef PB_VIEWS_H
#define PB_VIEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailserver.h"

#define VIEW_RULE 48

/* A mail, or with token 0 a folder, was there once. */
struct sighting {
	unsigned home, token;
	char path[MAIL_PATH];
	bool believed;
	unsigned shown;	 /* to which sites at some time, by bits */
	unsigned hidden; /* from which, with a folder that it lay in */
};

struct views {
	bool any;
	/* A disaster may have made any site the home of anything: what is told
	   to whom is not judged any more. */
	bool off;
	bool lost[8]; /* sites that may believe whatever was once */
	char rules[8][8][VIEW_RULE]; /* by home and peer; "": everything */
	struct sighting *seen;
	size_t count;
	struct mailbag *bag;
};

struct oracle;

void views_release(struct views *v);
/* From now on a peer is shown this. Items between commas; "-": everything. */
void views_set(
	struct oracle *o, unsigned home, unsigned peer, const char *rule);
/* Users of a site did something. */
void views_note(struct oracle *o, unsigned home);
/* … and its writer has seen all of it. */
void views_written(struct oracle *o, unsigned home);
/* A site may believe again whatever it did once. */
void views_lost(struct oracle *o, unsigned home);

/* Is a folder of this home in the peer's view? */
bool views_show(
	const struct views *v, unsigned home, unsigned peer, const char *path);
/* Was a mail, or may a site have taken it to be, where a peer is not shown it?
   Then it may go there, to the trash. */
bool views_hid(const struct views *v, unsigned peer, unsigned token);
/*
 * What a home says to a peer must hold nothing of mail that was never in its
 * view, no name of such a folder, and no body that is out of view by now.
 */
void views_overhear(struct oracle *o, unsigned home, unsigned peer,
	const void *data, size_t len);
/* Nor must its mail, or its trash. */
void views_look(
	struct oracle *o, unsigned site, const struct mail_server *server);

#endif
