/*
 * scanning: `packetboat scan`: the mail against the state, folder by folder.
 *
 * Each account is looked at first, every folder of it whatever its cookie
 * says: what users did is logged as ever, what went away without them is found
 * to be damaged. Then files are compared one by one (lib/capture/bodyscan.h),
 * in the folder where the last scan was stopped, then in the one that waited
 * longest. Last, the state's own sums are compared with its registers and with
 * what peers stated, and peers are told ours with the next hand-over.
 *
 * Nothing in the mail is changed. What is damaged is asked for from peers by
 * the shipper, and put back by the applier.
 */
#ifndef PB_SCANNING_H
#define PB_SCANNING_H

#include "look.h"

struct scan_options {
	bool deep;	     /* read every body */
	uint64_t rate;	     /* bytes a second; 0: no limit */
	int64_t for_ms;	     /* stop after that; 0: at the end */
	const char *account; /* NULL: all */
	const char *folder;  /* NULL: all */
};

/* Returns the exit code. */
int scan_run(struct writer *w, const struct scan_options *options,
	struct stop_signal *stop);

#endif
