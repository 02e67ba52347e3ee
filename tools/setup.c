/*
 * setup: init and config: what a site is made of.
 *
 *	<state>/key     the key pair, 0600
 *
 * The rest of the state is made by the program that needs it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "front.h"
#include "key.h"
#include "site.h"

static char *key_path(const struct config *c)
{
	return mem_printf("%s/key", c->state);
}

/* before: NULL, or the last key line of the site that this one continues. */
static int make_site(const struct config *c, const char *before,
	struct key_pair *ret, struct err *err)
{
	AUTO_FREE char *path = key_path(c);
	struct os *os = os_real();
	struct key_public old;
	struct os_stat st;
	int rc = key_start(err);

	if (rc == 0 && before)
		rc = key_parse(before, &old, err);
	if (rc == 0)
		rc = dir_make(os, c->state, 0700, err);
	/* Nothing there would belong to a key of another site. */
	if (rc == 0 && !before && os->ops->lstat(os, path, &st) == -ENOENT &&
		site_has_accounts(os, c->state))
		return site_no_key(os, c->state, err);
	if (rc == 0)
		rc = key_create(os, path, before ? &old : NULL, ret, err);
	if (rc == ERR_CONFLICT)
		return err_set(err, rc,
			"%s: this site was made already (packetboat key "
			"prints its key line)",
			path);
	return rc;
}

int command_init(struct front *f, int argc, char **argv)
{
	struct config c = {0};
	struct key_pair key;
	struct err err = ERR_INIT;
	char line[KEY_LINE_MAX];
	bool goes_on = argc == 3 && strcmp(argv[1], "--continue") == 0;

	if (argc != 1 && !goes_on)
		return front_usage(f, argv[0]);
	if (front_config(f, &c, &err) < 0)
		return front_fail(f, &err);
	if (make_site(&c, goes_on ? argv[2] : NULL, &key, &err) < 0) {
		config_free(&c);
		return front_fail(f, &err);
	}
	key_line(&key.pub, line);
	key_wipe(&key);
	printf("%s\n", line);
	fflush(stdout); /* above what follows, in a file too */
	log_say(&f->log, LOG_LEVEL_INFO,
		"site %s %s; the line above goes into its peers' "
		"configuration: peer \"%s\" { key = \"...\" }",
		c.site, goes_on ? "goes on with a new key" : "is made", c.site);
	config_free(&c);
	return EXIT_DONE;
}

int command_config(struct front *f, int argc, char **argv)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct config c = {0};
	struct err err = ERR_INIT;

	if (argc != 1)
		return front_usage(f, argv[0]);
	if (front_config(f, &c, &err) < 0)
		return front_fail(f, &err);
	config_print(&c, &text);
	fwrite(text.data, 1, text.len, stdout);
	config_free(&c);
	return EXIT_DONE;
}
