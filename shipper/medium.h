/*
 * medium: the names and small files of a directory that carries bundles
 * (docs/format.md, Medium). Pure functions of bytes; carrier_dir.c has the
 * files.
 */
#ifndef PB_MEDIUM_H
#define PB_MEDIUM_H

#include "carrier.h"

#define MEDIUM_MARKER "packetboat.id"
#define MEDIUM_BUNDLES "pb" /* the directory of all recipients */
#define MEDIUM_MARKER_SIZE 77u
#define MEDIUM_MANIFEST_SIZE 186u

/* Text of exactly the size above, and a NUL. */
void medium_marker_write(
	const struct id128 *id, char ret[MEDIUM_MARKER_SIZE + 1]);
void medium_manifest_write(
	const struct carrier_item *item, char ret[MEDIUM_MANIFEST_SIZE + 1]);
/* 0, or -1 where one byte is not as the functions above write it. */
int medium_marker_read(const void *text, size_t len, struct id128 *ret);
int medium_manifest_read(
	const void *text, size_t len, struct carrier_item *ret);

enum medium_kind {
	MEDIUM_STRANGE,	 /* none of ours */
	MEDIUM_BUNDLE,	 /* .pb */
	MEDIUM_MANIFEST, /* .whole */
	MEDIUM_UNDER_WAY /* .tmp, .whole.tmp */
};

/* What a name below pb/<recipient>/ is, in either case. */
enum medium_kind medium_name_read(
	const char *name, uint64_t *ret_sender, uint64_t *ret_sequence);

/* A directory with the names in it that are ours. */
struct medium_file {
	uint64_t sender, sequence;
	enum medium_kind kind;
	const char *name; /* as it is spelled there; points into names */
};
struct medium_files {
	struct medium_file *items; /* by sender, sequence, kind */
	size_t count;
	size_t strange;
	struct buf names;
};
/* From what os->ops->list gave in ret->names. */
void medium_files_sort(struct medium_files *ret);
void medium_files_free(struct medium_files *files);
/*
 * The items that share sender and sequence with the one at `first`; returns
 * the index behind them, and one item of each kind (NULL: none) in ret, or
 * ret_twice true where a name is there in two spellings.
 */
struct medium_group {
	const struct medium_file *bundle, *manifest;
	bool twice;
};
size_t medium_files_group(const struct medium_files *files, size_t first,
	struct medium_group *ret);

#endif
