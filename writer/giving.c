#include "giving.h"

#include "journal.h"

#define LOCK_WAIT_MS 30000

/* Can an account have its home there? ret: the peer's index. */
static int check_peer(const struct site *s, const char *account,
	const char *peer, size_t *ret, struct err *err)
{
	int i = site_peer(s, peer);

	if (i < 0)
		return err_set(err, ERR_USAGE, "there is no peer \"%s\" in %s",
			peer, s->config.path);
	if (s->config.peers[i].oneway ||
		s->config.peers[i].changes != CHANGES_BOTH)
		return err_set(err, ERR_USAGE,
			"peer %s: changes go one way only between here and "
			"there (remove \"changes\" and \"oneway\" from its "
			"block first, here and there)",
			peer);
	if (!site_granted(s, (size_t)i, account))
		return err_set(err, ERR_USAGE,
			"peer %s has no part in account %s (\"accounts\" in "
			"its block says in which it has)",
			peer, account);
	*ret = (size_t)i;
	return 0;
}

/* In one commit: all of it or nothing. */
static int give(
	struct account *a, uint64_t origin, size_t *ret_given, struct err *err)
{
	struct journal j;
	int rc = journal_begin(&j, a, err);

	if (rc >= 0)
		rc = capture_give_home(&j, origin, ret_given, err);
	if (rc >= 0 && !*ret_given)
		rc = err_set(err, ERR_USAGE,
			"no folder of it is at home here (packetboat status "
			"says which sites' users' changes go where)");
	if (rc >= 0)
		rc = journal_commit(&j, true, err);
	else
		journal_abort(&j);
	return rc;
}

int give_account(struct writer *w, const char *account, const char *peer)
{
	struct err err = ERR_INIT;
	struct account a;
	size_t i = 0, given = 0;
	int rc = check_peer(&w->site, account, peer, &i, &err);

	if (rc >= 0)
		rc = site_account_open(&w->site, account, false, &a, &err);
	if (rc >= 0) {
		rc = account_lock(&a, LOCK_WAIT_MS, &err);
		if (rc >= 0)
			rc = give(&a, w->site.peers[i].origin, &given, &err);
		account_close(&a);
	}
	if (rc < 0) {
		err_wrap(&err, "account %s", account);
		log_err(&w->log, &err);
		return exit_for(&err);
	}
	log_say(&w->log, LOG_LEVEL_INFO,
		"account %s: its %zu folder%s at home at %s from now on: what "
		"users change there goes out, what they change here stays "
		"here (packetboat sync tells it)",
		account, given, given == 1 ? " is" : "s are", peer);
	return EXIT_DONE;
}
