/*
 * media: `packetboat media init DIR`: the marker that makes a directory a
 * carrier (shipper/carrier.h says why there is one).
 */
#include <stdio.h>
#include <string.h>

#include "carrier.h"
#include "err.h"
#include "front.h"

int command_media(struct front *f, int argc, char **argv)
{
	struct err err = ERR_INIT;
	int rc;

	if (argc != 3 || strcmp(argv[1], "init") != 0)
		return front_usage(f, argv[0]);
	rc = carrier_media_init(os_real(), argv[2], &err);
	if (rc < 0)
		return front_fail(f, &err);
	log_say(&f->log, LOG_LEVEL_INFO,
		rc ? "%s is a carrier already"
		   : "%s is a carrier now: via = \"dir:%s\"",
		argv[2], argv[2]);
	return EXIT_DONE;
}
