/*
 * sections: what the parts of coding them share. Private to lib/parcel.
 *
 *   sections.c          changes, bodies, acknowledgements, statements
 *   sections_late.c     what of acknowledgements speaks of late messages
 *   sections_compare.c  comparisons
 *   sections_join.c     a site that joins
 *   sections_keys.c     a site that changes its key
 */
#ifndef PB_SECTIONS_H
#define PB_SECTIONS_H

#include <stddef.h>

#include "parcel.h"
#include "wire.h"

/* Sections in data, up to the first that is malformed. */
size_t sections_count(const void *data, size_t len);

/* ---- writing ---- */

/* before: the log id before it in the same section; NULL: none. */
void sections_add_log(struct buf *b, uint64_t sender, const struct log_id *log,
	const struct log_id *before);
void sections_add_account(struct buf *b, const char *account);
void sections_add_late(struct buf *b, uint64_t sender,
	const struct parcel_late *late, size_t count);
/* By log, at least one run of each. */
void sections_add_lsns(struct buf *b, uint64_t sender,
	const struct parcel_lsns *lsns, size_t count);
/* head and tail are the section's bytes; the tail is what is large. */
void sections_add(struct buf *b, enum parcel_section_type type,
	const struct buf *head, const void *tail, size_t tail_len);

/* ---- reading ---- */

/* Where a parse stands; what it owns is in out. */
struct parse {
	uint64_t sender;
	struct parcel_sections *out;
	const struct parcel_changes *before; /* the section before, if it is
						of changes */
	struct err *err;
};

/* ERR_CORRUPT: what. */
int sections_bad(const struct parse *p, const char *what);
struct log_id sections_take_log(
	struct wire *w, uint64_t sender, const struct log_id *before);
int sections_take_account(
	const struct parse *p, struct wire *w, const char **ret);
/* All that is left. */
int sections_take_late(const struct parse *p, struct wire *w,
	struct parcel_late **ret, size_t *ret_count);
int sections_take_lsns(const struct parse *p, struct wire *w,
	const struct parcel_lsns **ret, size_t *ret_count);
int sections_parse_compare(const struct parse *p, struct wire *w,
	enum parcel_section_type type, struct parcel_compare *ret);
int sections_parse_join(
	const struct parse *p, struct wire *w, struct parcel_join *ret);
int sections_parse_keys(
	const struct parse *p, struct wire *w, struct parcel_keys *ret);

#endif
