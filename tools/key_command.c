/*
 * key_command: `packetboat key`, `key rotate` and `key retire`.
 *
 * Rotating: for each peer it is written down which key it knows; then the key
 * file is replaced, which is the change. Killed before, nothing has happened;
 * killed after, all has but the words, and `packetboat key` prints the line.
 * What runs notices by itself. Retiring is one replacement, too.
 */
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "front.h"
#include "unapplied.h"

static void print_line(const struct key_public *pub)
{
	char line[KEY_LINE_MAX];

	key_line(pub, line);
	printf("%s\n", line);
	fflush(stdout); /* above what follows, in a file too */
}

static char *key_path(const struct site *s)
{
	return mem_printf("%s/key", s->config.state);
}

static int rotate_locked(struct site *s, struct key_pair *ret, struct err *err)
{
	AUTO_FREE char *path = key_path(s);
	int rc = 0;

	for (size_t i = 0; i < s->config.peer_count && rc >= 0; i++)
		rc = peerkeys_begin(s->os, s->config.state, s->peers[i].origin,
			s->key.pub.serial, err);
	return rc < 0 ? rc : key_rotate(s->os, path, ret, err);
}

static int rotate(struct front *f, struct site *s)
{
	struct err err = ERR_INIT;
	struct key_pair key;
	int lock;
	int rc = peerkeys_lock(s->os, s->config.state, &lock, &err);

	if (rc < 0)
		return front_fail(f, &err);
	rc = rotate_locked(s, &key, &err);
	s->os->ops->close(s->os, lock);
	if (rc < 0)
		return front_fail(f, &err);
	print_line(&key.pub);
	key_wipe(&key);
	log_say(&f->log, LOG_LEVEL_INFO,
		"this site has a new key: peers are told, and the old one is "
		"used with each until it knows the new one; the line above "
		"goes into their configuration: peer \"%s\" { key = \"...\" } "
		"(back up %s/key now; when all peers know it: packetboat key "
		"retire)",
		s->config.site, s->config.state);
	return EXIT_DONE;
}

/* Is the former key still of use? Errors: ERR_CONFLICT. */
static int check_peers(struct site *s, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < s->config.peer_count && rc >= 0; i++) {
		const struct config_peer *p = &s->config.peers[i];

		if (p->oneway || !peerkeys_knows(&s->peerkeys[i].said, &s->key))
			return err_set(err, ERR_CONFLICT,
				"peer %s: %s (with --force the old key goes "
				"all the same: what that peer makes for it is "
				"refused here until the new one is in its "
				"configuration, and comes again then)",
				p->name,
				p->oneway ? "it never answers, so nobody here "
					    "can know that it has the new key"
					  : "it did not say yet that it uses "
					    "the new key");
		rc = unapplied_check(s, p->name, err);
	}
	return rc;
}

static int retire(struct front *f, struct site *s, bool force)
{
	AUTO_FREE char *path = key_path(s);
	struct err err = ERR_INIT;
	int lock;
	int rc = force ? 0 : check_peers(s, &err);

	if (rc >= 0)
		rc = peerkeys_lock(s->os, s->config.state, &lock, &err);
	if (rc < 0)
		return front_fail(f, &err);
	rc = key_retire(s->os, path, &err);
	s->os->ops->close(s->os, lock);
	if (rc < 0)
		return front_fail(f, &err);
	log_say(&f->log, LOG_LEVEL_INFO,
		rc > 0 ? "there is no former key of this site"
		       : "the former key is destroyed here, and peers are told "
			 "to take it no more (backups of it are yours to "
			 "destroy)");
	return EXIT_DONE;
}

int command_key(struct front *f, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool forced = argc == 3 && strcmp(argv[2], "--force") == 0;
	bool rotates = argc == 2 && strcmp(what, "rotate") == 0;
	bool retires = (argc == 2 || forced) && strcmp(what, "retire") == 0;
	struct err err = ERR_INIT;
	struct site s;
	int code = EXIT_DONE;

	if (argc != 1 && !rotates && !retires)
		return front_usage(f, argv[0]);
	if (site_open(&s, f->config_given, &err) < 0)
		return front_fail(f, &err);
	if (rotates)
		code = rotate(f, &s);
	else if (retires)
		code = retire(f, &s, forced);
	else
		print_line(&s.key.pub);
	site_close(&s);
	return code;
}
