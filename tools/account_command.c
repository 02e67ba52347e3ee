/*
 * account_command: `packetboat account drop ACCOUNT`, and `give`, which is the
 * writer's to do: it looks at the mail once more before.
 */
#include <string.h>

#include "err.h"
#include "front.h"
#include "site.h"

#define LOCK_WAIT_MS 30000

static int drop(struct site *s, const char *name, struct err *err)
{
	/* It would begin anew at once, and log all its mail. */
	if (site_account(s, name))
		return err_set(err, ERR_USAGE,
			"account %s: is configured (take it out of %s, or "
			"remove the Maildir that the pattern finds, then drop "
			"it)",
			name, s->config.path);
	int rc = account_drop(s->os, s->config.state, name, LOCK_WAIT_MS, err);
	if (rc > 0)
		rc = err_set(err, ERR_USAGE,
			"account %s: nothing of it is in %s", name,
			s->config.state);
	return rc;
}

int command_account(struct front *f, int argc, char **argv)
{
	struct site s;
	struct err err = ERR_INIT;

	if (argc == 4 && strcmp(argv[1], "give") == 0)
		return command_program(f, argc - 1, argv + 1);
	if (argc != 3 || strcmp(argv[1], "drop") != 0)
		return front_usage(f, argv[0]);
	if (site_open(&s, f->config_given, &err) < 0)
		return front_fail(f, &err);
	int rc = drop(&s, argv[2], &err);
	site_close(&s);
	if (rc < 0)
		return front_fail(f, &err);
	log_say(&f->log, LOG_LEVEL_INFO,
		"account %s: its state and logs are gone, its mail stays; what "
		"peers send of it is left out (drop it there too, or they "
		"keep theirs)",
		argv[2]);
	return EXIT_DONE;
}
