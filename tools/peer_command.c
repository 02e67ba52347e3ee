/*
 * peer_command: `packetboat peer plan PEER`, which the shipper does,
 * `packetboat peer revoke PEER` and `packetboat peer expel PEER`.
 *
 * Of one that is expelled it is written down first that the peer is none any
 * more; then what it said and what lies ready for it is forgotten, account by
 * account. Killed in between, the command is to be given again.
 */
#include <string.h>

#include "begun.h"
#include "err.h"
#include "front.h"
#include "site.h"
#include "unapplied.h"

#define LOCK_WAIT_MS 30000

static int forget_in(
	struct site *s, const char *account, uint64_t peer, struct err *err)
{
	struct account a;
	int rc = begun_open(s, account, &a, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = account_lock(&a, LOCK_WAIT_MS, err);
	if (rc >= 0)
		rc = replica_begin(a.replica, err);
	if (rc >= 0)
		rc = replica_peer_forget(a.replica, peer, err);
	if (rc >= 0)
		rc = replica_commit(a.replica, err);
	replica_rollback(a.replica);
	account_close(&a);
	return rc;
}

/* Its origin, whether it is a peer still or was expelled before. */
static int find_peer(
	struct site *s, const char *name, uint64_t *ret, struct err *err)
{
	const struct expelled *gone = site_expelled(s, name);
	int peer = site_peer(s, name);

	if (peer < 0 && !gone)
		return err_set(err, ERR_USAGE, "there is no peer \"%s\" in %s",
			name, s->config.path);
	*ret = peer >= 0 ? s->peers[peer].origin : gone->origin;
	return 0;
}

static int expel(struct front *f, struct site *s, const char *name)
{
	struct err err = ERR_INIT;
	struct expelled peer = {
		.name = name, .since_ms = s->os->ops->wall_ns(s->os) / 1000000};
	int rc = find_peer(s, name, &peer.origin, &err);
	int code = EXIT_DONE;

	if (rc >= 0)
		rc = unapplied_check(s, name, &err);
	if (rc >= 0)
		rc = expelled_add(s->os, s->config.state, &peer, &err);
	if (rc < 0)
		return front_fail(f, &err);
	for (size_t i = 0; i < s->account_count; i++) {
		struct err one = ERR_INIT;

		if (forget_in(s, s->accounts[i].name, peer.origin, &one) < 0)
			code = exit_worse(code, front_fail(f, &one));
	}
	if (code == EXIT_DONE)
		log_say(&f->log, LOG_LEVEL_INFO,
			"peer %s is expelled: nothing is kept or packed for it "
			"or taken from it any more; its mail that is here "
			"stays (take it out of %s, at the other peers too)",
			name, s->config.path);
	return code;
}

/* No key of it but the one that the configuration says. */
static int revoke(struct front *f, struct site *s, const char *name)
{
	int peer = site_peer(s, name);
	struct err err = ERR_INIT;
	int rc;

	if (peer < 0)
		rc = err_set(&err, ERR_USAGE, "there is no peer \"%s\" in %s",
			name, s->config.path);
	else
		rc = peerkeys_revoke(s->os, s->config.state,
			&s->peerkeys[peer].configured,
			s->config.peers[peer].follow_key, &err);
	if (rc < 0)
		return front_fail(f, &err);
	log_say(&f->log, LOG_LEVEL_INFO,
		"peer %s: no key of it is taken but the one in %s", name,
		s->config.path);
	return EXIT_DONE;
}

/* The arguments behind "peer plan" go to the shipper. */
static int plan(struct front *f, int argc, char **argv)
{
	static char ship[] = "ship", how[] = "--plan";

	argv[0] = ship;
	argv[1] = how;
	return command_program(f, argc, argv);
}

int command_peer(struct front *f, int argc, char **argv)
{
	struct site s;
	struct err err = ERR_INIT;

	if (argc >= 3 && argc <= 5 && strcmp(argv[1], "plan") == 0)
		return plan(f, argc, argv);
	bool revokes = argc == 3 && strcmp(argv[1], "revoke") == 0;
	if (!revokes && (argc != 3 || strcmp(argv[1], "expel") != 0))
		return front_usage(f, argv[0]);
	if (site_open(&s, f->config_given, &err) < 0)
		return front_fail(f, &err);
	int code = (revokes ? revoke : expel)(f, &s, argv[2]);
	site_close(&s);
	return code;
}
