/*
 * carrier: a way to move bundles. One small interface; a carrier is one file
 * and one row in the table of carrier.c.
 *
 * `dir:PATH` (carrier_dir.c): a directory that both sites can reach, or that
 * is carried: USB stick, network file system, CD. It needs a marker that
 * `packetboat media init DIR` wrote; without it the carrier is absent. Names
 * are ones that FAT and exFAT take:
 *
 *   <PATH>/packetboat.id                                   the marker
 *   <PATH>/pb/<recipient>/<sender>-<sequence>.pb           a bundle
 *   <PATH>/pb/<recipient>/<sender>-<sequence>.whole        its manifest
 *
 * A bundle exists if and only if its manifest does and agrees in size (and,
 * before it is used, in hash). Order: data under a temporary name, fsync,
 * rename, fsync of the directory, read back and compare, manifest the same
 * way last. A stick pulled out at any moment leaves whole bundles and
 * leftovers that their sender removes when it comes again; so there is one put
 * at a time for each pair of them (the shipper's lock).
 *
 * `rsync:TARGET` (carrier_rsync.c): such a directory on another machine.
 */
#ifndef PB_CARRIER_H
#define PB_CARRIER_H

#include <stdbool.h>

#include "hash.h"
#include "ident.h"
#include "mem.h"
#include "os.h"

struct child_guard;
struct err;
struct carrier;

#define CARRIER_NAME_MAX 48u /* "<sender>-<sequence>.whole.tmp" */

/* A bundle that lies on the carrier. */
struct carrier_item {
	uint64_t sender, recipient;
	uint64_t sequence;
	uint64_t size;
	struct hash hash; /* as its manifest says */
};
/* What lies there of a bundle that is not whole: it is being written or
   copied, or was cut off. */
struct carrier_part {
	uint64_t sender, sequence;
	char name[CARRIER_NAME_MAX];
};
struct carrier_list {
	struct carrier_item *items; /* by sender, then sequence */
	size_t count;
	struct carrier_part *parts; /* in the same order */
	size_t part_count;
	size_t damaged; /* parts with a manifest: none of ours
			   leaves such behind */
	size_t strange; /* what else lies there; left alone */
	/* Of the peer, elsewhere, and not fetched: there was no room here. The
	   largest of them. */
	size_t unfetched;
	uint64_t unfetched_size;
};
/* Is a bundle of this sender in it? list: NULL: nothing is. */
bool carrier_list_has(
	const struct carrier_list *list, uint64_t sender, uint64_t sequence);
void carrier_list_free(struct carrier_list *list);

/* From where a carrier is opened. */
struct carrier_place {
	struct os *os;
	uint64_t self, peer;
	const char *spool; /* directory of this link's own, made when needed */
	uint64_t rate;	   /* bytes a second, where we can say so; 0: any */
	int64_t again_ms;  /* where nothing tells that something arrived: how
			      long to wait for an answer */
	/* Looks whether there is room here for what a fetch brings. NULL:
	   always. */
	const struct child_guard *guard;
	/* A bundle that is larger is not fetched, where its size is known
	   before; 0: any is. */
	uint64_t fetch_max;
	bool fetch; /* of a carrier that lies elsewhere: look there, and not
		       only at what is known of it here */
};

struct carrier_ops {
	const char *scheme; /* "dir" */
	bool remote;	    /* reached by calls that cost, or take their time */
	/*
	 * Errors: ERR_ABSENT: not there now (exit code 4), with the remedy;
	 * ERR_USAGE: the address is malformed.
	 */
	int (*open)(const struct carrier_place *place, const char *address,
		struct carrier **ret, struct err *err);
	void (*close)(struct carrier *c);
	/* Id of the medium: several sticks may serve one link in turn. */
	struct id128 (*medium)(struct carrier *c);
	bool (*read_only)(struct carrier *c);
	/*
	 * Bundles for a recipient.
	 * Errors: ERR_ABSENT: the medium was taken out; ERR_IO.
	 */
	int (*list)(struct carrier *c, uint64_t recipient,
		struct carrier_list *ret, struct err *err);
	/* Bytes that a bundle may have now. May be NULL: not known. */
	int (*room)(struct carrier *c, uint64_t *ret, struct err *err);
	/* Bytes that one bundle may have; 0: no limit. May be NULL: the same.
	 */
	uint64_t (*bundle_max)(struct carrier *c);
	/*
	 * Begin handing over a bundle; returns an fd to write it to. After
	 * writing: put_commit (durable, read back, visible) or put_abort.
	 * expect: bytes that will be needed, 0 unknown; ERR_IO ENOSPC before
	 * anything is written when they do not fit. ERR_CONFLICT: a bundle
	 * of this sequence lies there, and is not replaced: take a higher
	 * one. ERR_IO EROFS: read-only.
	 */
	int (*put_begin)(struct carrier *c, uint64_t recipient,
		uint64_t sequence, uint64_t expect, int *ret_fd,
		struct err *err);
	/*
	 * Durable and listed when it returns 0; else nothing of it is listed.
	 * Errors: ERR_CORRUPT: what was read back differs; ERR_IO.
	 */
	int (*put_commit)(struct carrier *c, uint64_t size,
		const struct hash *hash, struct err *err);
	void (*put_abort)(struct carrier *c);
	/*
	 * Open a listed bundle for reading, its hash compared; the caller
	 * closes the fd. Errors: ERR_CORRUPT: not what its manifest says;
	 * ERR_ABSENT: removed meanwhile.
	 */
	int (*get)(struct carrier *c, const struct carrier_item *item,
		int *ret_fd, struct err *err);
	/*
	 * Remove what puts and removals that were cut short left of our own
	 * bundles for a recipient, and copies that were cut off. No put of
	 * ours may be under way. Read-only: done. Errors: ERR_ABSENT, ERR_IO.
	 */
	int (*tidy)(struct carrier *c, uint64_t recipient, struct err *err);
	/* Remove a bundle (collected, or superseded). Read-only: done. */
	int (*remove)(struct carrier *c, const struct carrier_item *item,
		struct err *err);
	/*
	 * Bring away what was put and removed, where those only note it; NULL:
	 * they do it themselves. Errors: ERR_ABSENT: the line dropped, what is
	 * left waits here for the next flush; ERR_IO.
	 */
	int (*flush)(struct carrier *c, struct err *err);
	/* Does a listed bundle of ours wait here for a flush? NULL: none does.
	 */
	bool (*waits)(struct carrier *c, const struct carrier_item *item);
	/* Such a one is not brought, and what may be there of it removed. */
	int (*recall)(struct carrier *c, const struct carrier_item *item,
		struct err *err);
};

struct carrier {
	const struct carrier_ops *ops;
};

/* Open the carrier that `via` ("dir:/media/usb") names.
   Errors: ERR_USAGE: unknown scheme. */
int carrier_open(const struct carrier_place *place, const char *via,
	struct carrier **ret, struct err *err);
/* A link's own directory in the state directory; freed by the caller. */
char *carrier_spool(const char *state_dir, uint64_t peer, const char *via);
bool carrier_is_remote(const char *via);

/* Write the marker into a directory. Returns 1 if it already was one. */
int carrier_media_init(struct os *os, const char *dir, struct err *err);

#endif
