/*
 * check_command: `packetboat check`: says all that is damaged of our own
 * files, and exits 1. Changes nothing.
 */
#include <inttypes.h>

#include "checkup.h"
#include "err.h"
#include "front.h"
#include "site.h"

struct checking {
	struct front *front;
	int code;
};

static void say_found(void *arg, const struct err *err)
{
	struct checking *c = arg;

	log_err(&c->front->log, err);
	c->code = exit_worse(
		c->code, err->code == ERR_BUSY ? EXIT_LATER : EXIT_FAILED);
}

static void say_away(void *arg, const char *via)
{
	struct checking *c = arg;

	log_say(&c->front->log, LOG_LEVEL_INFO, "%s: not there now", via);
}

int command_check(struct front *f, int argc, char **argv)
{
	struct checking checking = {.front = f};
	struct site site;
	struct checkup c = {.site = &site,
		.found = say_found,
		.away = say_away,
		.arg = &checking};
	struct err err = ERR_INIT;

	if (argc != 1)
		return front_usage(f, argv[0]);
	if (site_open(&site, f->config_given, &err) < 0)
		return front_fail(f, &err);
	checkup_site(&c);
	log_say(&f->log, LOG_LEVEL_INFO,
		"%s: %" PRIu64 " pages of state, %" PRIu64 " logs (%" PRIu64
		" bytes), %" PRIu64 " parcels, %" PRIu64 " bodies, %" PRIu64
		" bundles",
		checking.code == EXIT_DONE ? "all whole" : "damage was found",
		c.pages, c.logs, c.log_bytes, c.parcels, c.bodies, c.bundles);
	site_close(&site);
	return checking.code;
}
