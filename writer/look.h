/*
 * look: one capture pass of one account, and what there is to say of it.
 */
#ifndef PB_LOOK_H
#define PB_LOOK_H

#include "capture.h"
#include "err.h"
#include "program.h"
#include "site.h"

struct writer {
	struct site site;
	struct logger log;
	struct progress progress;
	const char *config_path; /* as given, or NULL */
	uint64_t logged;	 /* changes since the logs' room was measured */
	bool measure;		 /* do it after this look (retain.h) */
};

struct look {
	int rc;		/* as capture_account; ERR_ABSENT: no mail yet */
	struct err err; /* when rc is below 0 */
	struct capture_result result;
	struct buf complaints; /* a line per thing that needs an operator */
};
void look_free(struct look *l);

/*
 * Open an account's mail. Errors: ERR_ABSENT: it never had any; ERR_OPERATOR:
 * it had, and its root is not there (not mounted?): the account is stopped.
 */
int look_open(struct writer *w, const struct config_account *ca,
	struct store **ret, struct err *err);
/*
 * Look at an account, waiting at most lock_wait_ms for its lock. What was
 * logged is said (at info level); what failed or needs somebody is the
 * caller's to say.
 */
void look_at(struct writer *w, const struct config_account *ca,
	struct store *store, int64_t lock_wait_ms, struct look *ret);
/* The same, and look at a folder (its row; CAPTURE_ALL: at all) as if it had
   changed. */
void look_again(struct writer *w, const struct config_account *ca,
	struct store *store, int64_t lock_wait_ms, int64_t folder,
	struct look *ret);
/* Say what a look found wrong. Returns the exit code that it asks for. */
int look_complain(struct writer *w, const struct look *l);

#endif
