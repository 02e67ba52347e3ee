/*
 * explain: `packetboat explain`: a message's life, as far as this site knows
 * it: found (explain_find.c), collected from state and logs (explain_logs.c),
 * made a tree (explain_tree.c), which is printed as it is or as text
 * (explain_text.c).
 */
#ifndef PB_EXPLAIN_H
#define PB_EXPLAIN_H

#include <json-c/json.h>

#include "site.h"
#include "story.h"

struct err;

/* What is asked for, and where. */
struct explain {
	struct site site;
	struct account account;
	struct replica_folder folder;
	const char *wanted; /* UID, Message-ID, file name or dot */
	struct arena arena;
	/* Found: rows of messages, and dots of those that are gone. */
	int64_t *rows;
	size_t row_count;
	struct dot *dots;
	size_t dot_count;
	const char **notes; /* what was looked for in vain, and why */
	size_t note_count;
};

/* Something that is not known (any more), for people. */
void explain_note(struct explain *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void explain_add_row(struct explain *e, int64_t row);
void explain_add_dot(struct explain *e, const struct dot *dot);

/*
 * Find what is asked for, in the state, then in the logs, then, by Message-ID, in
 * the mail. Errors: ERR_USAGE (it names nothing that could be found);
 * those of state and store.
 */
int explain_find(struct explain *e, struct err *err);
/* In the folder's mail and in the trash: adds base names to what is looked for in
   the state, by explain_by_base. */
int explain_find_mail(
	struct explain *e, const char *message_id, struct err *err);
int explain_by_base(struct explain *e, const char *base, struct err *err);

/* ---- logs ---- */

/* A log of ours, and from where on its segments are kept. */
struct explain_log {
	struct replica_log log;
	uint64_t first;
};
/* Changes of our logs that speak of a message; and what was read. */
struct explain_logged {
	struct change_batch changes;
	struct explain_log *logs;
	size_t log_count;
};
/* Dots of what had this UID in the folder, as our logs say. */
int explain_logs_uid(struct explain *e, uint32_t uid, struct err *err);
/* A log that cannot be read is noted, and the others are read. */
int explain_logs_read(struct explain *e, const struct story *s,
	struct explain_logged *ret, struct err *err);
void explain_logs_free(struct explain_logged *l);

/* ---- telling ---- */

/* One message, as an object of its own. */
int explain_tree(struct explain *e, const struct story *s,
	const struct explain_logged *logged, struct json_object **ret,
	struct err *err);
/* All of it as text. Pure. */
void explain_text(struct json_object *tree, struct buf *ret);

#endif
