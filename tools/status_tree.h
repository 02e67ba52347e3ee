/*
 * status_tree: what `packetboat status` gathers: one json-c tree, and what of
 * it needs an operator. Private to the files status*.c.
 *
 *	{"site": "aurora", "accounts": [{"name": …, "folders": [...]}],
 *	 "peers": [{"name": …, "links": [...], "accounts": [...]}],
 *	 "operator": […]}
 */
#ifndef PB_STATUS_TREE_H
#define PB_STATUS_TREE_H

#include "err.h"
#include "site.h"
#include "status_logs.h"
#include "tree.h"

struct status {
	struct site site;
	struct json_object *tree;
	int64_t now_ms;
	struct logs_view logs;
	/* How far ahead of the clock is what this site wrote, and what a peer
	   did, and which. */
	uint64_t ahead_s, peer_ahead_s, ahead;
	bool strangers_told; /* links may share their carrier */
	struct err metrics_err; /* the file for Prometheus: not written */
	int code;
};

/*
 * status_look.c: look at the site of a configuration (NULL: of the usual places),
 * and write its file for Prometheus. s: all zero. Returns 0, then it is to be
 * forgotten. Errors: as site_open.
 */
int status_look(struct status *s, const char *config, struct err *err);
void status_forget(struct status *s);

/* Seconds since then; 0 where there is no such time, or it is to come. */
uint64_t status_age_s(const struct status *s, int64_t ms);

/* Something a person has to decide or mend: the exit code says so. */
void status_needs_operator(struct status *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* status_accounts.c: what there is of an account, into its object. */
int status_account(struct status *s, struct json_object *o, struct account *a,
	struct err *err);

/* status_keys.c: our keys, and a peer's. */
void status_key(struct status *s);
void status_peer_key(struct status *s, size_t peer, struct json_object *o);

/* status_peers.c: a peer with its links, and what it lacks of an account. */
struct json_object *status_peer(struct status *s, size_t peer);
int status_peer_account(struct status *s, size_t peer, struct json_object *o,
	struct account *a, struct err *err);

#endif
