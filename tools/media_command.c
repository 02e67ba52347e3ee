/*
 * media: `packetboat media init DIR|rsync:TARGET`: the marker that makes a
 * directory a carrier (shipper/carrier.h says why there is one).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "carrier_rsync.h"
#include "err.h"
#include "front.h"

/* Returns 1 if it is one already. */
static int init_target(const char *target, struct err *err)
{
	const char *top = getenv("TMPDIR");
	AUTO_FREE char *where =
		mem_printf("%s/packetboat-XXXXXX", top ? top : "/tmp");

	if (!mkdtemp(where))
		return err_set_os(
			err, errno, "a directory in %s", top ? top : "/tmp");
	int rc = carrier_rsync_init(os_real(), where, target, err);
	dir_remove(os_real(), where, NULL);
	return rc;
}

static int init_directory(const char *dir, char **ret_path, struct err *err)
{
	int rc = carrier_media_init(os_real(), dir, err);

	*ret_path = rc < 0 ? NULL : realpath(dir, NULL);
	return rc;
}

int command_media(struct front *f, int argc, char **argv)
{
	AUTO_FREE char *path = NULL;
	struct err err = ERR_INIT;
	int rc;

	if (argc != 3 || strcmp(argv[1], "init") != 0)
		return front_usage(f, argv[0]);
	bool is_target = strncmp(argv[2], "rsync:", 6) == 0;
	if (is_target)
		rc = init_target(argv[2] + 6, &err);
	else
		rc = init_directory(argv[2], &path, &err);
	if (rc < 0)
		return front_fail(f, &err);
	log_say(&f->log, LOG_LEVEL_INFO,
		rc ? "%s is a carrier already"
		   : "%s is a carrier now: via = \"%s%s\"",
		argv[2], is_target ? "" : "dir:",
		path ? path : argv[2]); /* as the configuration wants it */
	return EXIT_DONE;
}
