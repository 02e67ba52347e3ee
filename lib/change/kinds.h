/*
 * kinds: which fields each kind of change has (docs/format.md, Changes).
 * Private to lib/change.
 */
#ifndef PB_CHANGE_KINDS_H
#define PB_CHANGE_KINDS_H

#include "change.h"

/* Groups of fields that come together. */
enum change_field {
	FIELD_BY = 1 << 0,  /* log, lsn, stamp: every kind */
	FIELD_DOT = 1 << 1, /* dot, where it is not by's own */
	FIELD_SOURCE = 1 << 2,
	FIELD_UID = 1 << 3,
	FIELD_BODY = 1 << 4, /* size, mtime, base, hash */
	FIELD_EXTRA = 1 << 5,
	FIELD_ADD = 1 << 6,
	FIELD_DEL = 1 << 7,
	FIELD_FOLDER = 1 << 8,
	FIELD_OTHER = 1 << 9,
	FIELD_PATH = 1 << 10,
	FIELD_VALUE = 1 << 11,
	FIELD_GUID = 1 << 12,
	FIELD_AUTHORITY = 1 << 13, /* term, site */
	FIELD_END = 1 << 14,
	FIELD_GAP = 1 << 15, /* first, reason */
	FIELD_BORN = 1 << 16, /* its dot is its own log and lsn */
	FIELD_UIDS = 1 << 17  /* uidvalidity, uidnext */
};

/* Logs in which a kind may occur. */
enum change_place { PLACE_FOLDER = 1, PLACE_ACCOUNT = 2 };

struct change_kind_rule {
	const char *name;
	unsigned fields; /* bits of enum change_field */
	unsigned places; /* bits of enum change_place */
};

/* NULL for a number that is no kind. */
const struct change_kind_rule *change_kind_rule(unsigned kind);

#endif
