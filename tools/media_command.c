/*
 * media: `packetboat media init DIR`: the marker that makes a directory a
 * carrier (shipper/carrier.h says why there is one).
 */
#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "err.h"
#include "front.h"

int command_media(struct front *f, int argc, char **argv)
{
	AUTO_FREE char *path = NULL;
	struct err err = ERR_INIT;
	int rc;

	if (argc != 3 || strcmp(argv[1], "init") != 0)
		return front_usage(f, argv[0]);
	rc = carrier_media_init(os_real(), argv[2], &err);
	if (rc < 0)
		return front_fail(f, &err);
	path = realpath(argv[2], NULL); /* as the configuration wants it */
	log_say(&f->log, LOG_LEVEL_INFO,
		rc ? "%s is a carrier already"
		   : "%s is a carrier now: via = \"dir:%s\"",
		argv[2], path ? path : argv[2]);
	return EXIT_DONE;
}
