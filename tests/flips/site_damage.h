/*
 * site_damage: moments of the way between two sites at which all files of
 * theirs lie at rest, and what must hold when one of these is damaged.
 */
#ifndef PB_SITE_DAMAGE_H
#define PB_SITE_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "twosites.h"

struct err;

#define POINTS_MAX 8
#define STRIDE 64

struct damaged_file {
	char *path;
	struct buf data; /* its bytes, undamaged */
	bool pages;	 /* of a state */
};

/* The disk at one moment. Never freed. */
struct point {
	const char *name;
	struct sites sites;
	struct promises promises;
	enum step next; /* with which it goes on */
	struct damaged_file *files;
	size_t file_count;
	char *source_mail; /* a line for each message at the source, all of it
			    */
	char *bodies;	   /* name and hash of each message at either site */
};

/* Fill points[POINTS_MAX]. Returns how many there are. */
size_t points_make(struct point *points);

struct damage {
	size_t file;
	size_t at;  /* byte; below the file's size */
	bool cut;   /* there, else a bit of it is flipped */
	bool whole; /* see what the programs do, even when a check found it */
};

/* Do it, and see. Errors: what is not as it should be. */
int damage_try(
	const struct point *p, const struct damage *damage, struct err *err);

#endif
