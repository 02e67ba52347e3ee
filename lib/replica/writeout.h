/*
 * writeout: what the parts of writing out share. Private to lib/replica.
 *
 *   writeout.c          which lsns of a log wrote something that still stands
 *   writeout_message.c  what they wrote of messages
 *   writeout_folder.c   what they wrote of folders
 */
#ifndef PB_WRITEOUT_H
#define PB_WRITEOUT_H

#include "registers.h"

/* What stands of a change; ids say where. */
enum written {
	/* of messages: in a folder's log */
	WRITTEN_DEAD,   /* dot (log, lsn) died */
	WRITTEN_BORN,   /* dot of message id, or of none */
	WRITTEN_FLAGS,  /* of message id */
	WRITTEN_PLACE,
	WRITTEN_UID,
	WRITTEN_EXTRA,
	WRITTEN_GUID,
	WRITTEN_JOINED, /* as the table says */
	WRITTEN_PARKED, /* under dot (log, lsn) */
	WRITTEN_NUMBER, /* the greatest UID given: id */
	/* of folders: in the account log */
	WRITTEN_ALIAS,  /* an id was born; as the table says */
	WRITTEN_PATH,   /* of folder id */
	WRITTEN_FOLDER_DEAD,
	WRITTEN_SUBSCRIBED,
	WRITTEN_IDENTITY,
	WRITTEN_AUTHORITY,
	WRITTEN_NAME,   /* a subscription of a name; as the table says */
	WRITTEN_MERGED, /* as the table says */
	/* in either */
	WRITTEN_RECORD  /* BEGIN or GAP; as the table says */
};

struct written_entry {
	uint64_t lsn;
	enum written what;
	int64_t id;     /* row of message or folder */
	int64_t log;    /* WRITTEN_DEAD, WRITTEN_PARKED: the dot's */
	uint64_t dot_lsn;
};

/* A log being written out. */
struct writeout {
	struct replica *r;
	int64_t row; /* of the log */
	struct log_id log;
	struct change_batch *batch;
};

/* A new change in the batch, of this lsn. */
struct change *writeout_add(const struct writeout *w, enum change_kind kind,
	uint64_t lsn, uint64_t stamp);

/*
 * One lsn: all that stands of its change, as one change more in the batch, or
 * none. Entries are of one lsn, in the order of enum written.
 */
int writeout_message(const struct writeout *w,
	const struct written_entry *entries, size_t count, struct err *err);
int writeout_folder(const struct writeout *w,
	const struct written_entry *entries, size_t count, struct err *err);

#endif
