/*
 * registers: what the parts of merging share. Private to lib/replica.
 *
 *   registers.c         one change of a message: which part merges it; the
 *                       place, the UID and the fields of a message
 *   births.c            messages born, and found to be one
 *   moves.c             messages moved
 *   dots.c              dots, and changes that wait for one
 *   flagrows.c          flags and keywords
 *   folder_registers.c  one change of the account log
 *   folder_merge.c      two ids that are one folder
 *
 * A function that merges returns 1 where the state knew better, 0 where it
 * took the write; those that write a single register the other way round:
 * 1 taken, 0 not.
 */
#ifndef PB_REGISTERS_H
#define PB_REGISTERS_H

#include "sql.h"

/* Is by greater than the writer (stamp, log row, lsn) in these columns? */
int by_newer(struct replica *r, const struct write_id *by, sqlite3_stmt *st,
	int col, struct err *err);
/* The writer in these columns, the first of three. */
int read_by(struct replica *r, sqlite3_stmt *st, int col, struct write_id *ret,
	struct err *err);

/* ---- messages: registers.c ---- */

/* A write of a message's registers: who, and the row of its log. */
struct writer {
	struct write_id by;
	int64_t log;
};
struct writer writer_of(const struct change *c, int64_t by_log);

/* How a place came about, as column moved has it. */
enum place_kind { PLACE_BORN = 0, PLACE_MOVED = 1, PLACE_TWIN_BORN = 2 };
/*
 * Where it lies: where the last MOVE put it; if there was none, where it was
 * born, the writer being the oldest of its births. kind: MOVED, or TWIN_BORN.
 * A UID belongs to a place: one given before the MOVE is void.
 */
int place_write(struct replica *r, int64_t message, int64_t folder,
	const char *base, enum place_kind kind, const struct writer *w,
	struct err *err);
/* The fields of its line in the UID list but the GUID; and that. */
int extra_write(struct replica *r, int64_t message, const char *fields,
	const struct writer *w, struct err *err);
int guid_write(struct replica *r, int64_t message, const char *guid,
	const struct writer *w, struct err *err);
/* Both, as a change says them: where it says none the GUID is the base name,
   and in an EXTRA as it was. */
int fields_write(struct replica *r, int64_t message, const struct change *c,
	const struct writer *w, struct err *err);
/* Its UID in this folder; 0 is none. Not taken where it was moved since, or
   the writer is not the folder's authority; parked where it is yet to come. */
int uid_write(struct replica *r, int64_t message, int64_t folder, uint32_t uid,
	const struct writer *w, struct err *err);

/* Is the dead message `message` a preview, of which something is awaited
   (previews.h)? An expression. */
#define MESSAGE_STANDS                                                         \
	"(EXISTS(SELECT 1 FROM preview v JOIN message h ON h.hash = v.held"    \
	" WHERE v.content = message.hash AND h.dead = 0 AND h.p_folder = 0"    \
	" AND (message.folder = 0 OR h.folder = message.folder))"              \
	" AND NOT EXISTS(SELECT 1 FROM dot d WHERE d.message = message.id))"
/* In a statement: is the folder of this row refused? */
#define FOLDER_REFUSED(row)                                                    \
	"EXISTS(SELECT 1 FROM folder fr WHERE fr.id = " row                    \
	" AND fr.refused <> 0)"
/* Is message m, which lives and is to be placed, to leave where it lies, for it
   was moved where nothing is placed? */
#define MESSAGE_LEAVES                                                         \
	"(m.todo = 1 AND m.p_folder > 0 AND m.dead = 0"                        \
	" AND m.p_folder <> m.folder AND " FOLDER_REFUSED("m.folder") ")"
/* Is it placed otherwise than it is merged, its UID apart? */
#define MESSAGE_DIFFERS                                                        \
	"(p_letters <> letters OR p_extra <> extra OR p_base <> base"          \
	" OR lower(p_keywords) <> lower(keywords))"
/* Compute todo of a message from merged and placed. */
int message_todo(struct replica *r, int64_t id, struct err *err);
/* Of all that lie in a folder, or are to, what is kept included: it is decided
   anew. */
int folder_todo(struct replica *r, int64_t folder, struct err *err);
/* Delete a dead message that is placed nowhere. */
int message_drop(struct replica *r, int64_t id, struct err *err);
/* A message lives while one of its dots does. */
int message_lives(struct replica *r, int64_t id, struct err *err);

/* ---- births.c ---- */

int apply_birth(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err);
/* Messages of this folder that were born alike at two sites are one. */
int join_twins(struct replica *r, int64_t folder, struct err *err);

/* ---- moves.c ---- */

int apply_move(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err);

/* ---- dots.c ---- */

struct dot_row {
	int64_t log;
	int64_t message;
	bool known, dead;
};
int dot_find(struct replica *r, const struct dot *dot, struct dot_row *ret,
	struct err *err);
/* An unmet dot at or below its log's known position is dead, unless it was
   lost. 1 or 0. */
int dot_is_past(struct replica *r, const struct dot *dot,
	const struct dot_row *row, struct err *err);
/* What a tombstone's message is, and was when it was born (once.c): with the
   row that it has as long as it has one. */
int dot_note_content(struct replica *r, int64_t log, uint64_t lsn,
	int64_t message, struct err *err);
/* A message was called so after a move. Nothing if it still is. */
int once_note(
	struct replica *r, int64_t message, const char *base, struct err *err);
/* What x was called y was called; y = 0: it is dead. */
int once_join(struct replica *r, int64_t x, int64_t y, struct err *err);
int dot_insert(struct replica *r, const struct dot_row *row, uint64_t lsn,
	int64_t message, struct err *err);
/*
 * The living message of c's dot. Returns 0 with its row, 1 when there is
 * nothing to do (dead, dropped, parked).
 */
int dot_target(struct replica *r, const struct change *c, int64_t by_log,
	int64_t *ret, struct err *err);
/* Keep c until its dot is met, or its message moves. */
int park(struct replica *r, const struct change *c, int64_t by_log,
	int64_t dot_log, struct err *err);
/* Merge what waited for a dot; for a message to be moved; for the messages of
   a folder to lie in it. */
int unpark(struct replica *r, const struct dot_row *row, uint64_t lsn,
	struct err *err);
int unpark_message(struct replica *r, int64_t message, struct err *err);
int unpark_folder(struct replica *r, int64_t folder, struct err *err);
/* A change as it was parked, added to batch. */
int parked_read(struct replica *r, int64_t by_log, uint64_t by_lsn,
	const void *data, size_t len, struct change_batch *batch,
	struct err *err);

/* The key of a row in table parked: the dot, and the change. */
struct parked {
	int64_t log;
	uint64_t lsn;
	int64_t by_log;
	uint64_t by_lsn;
};
/* What waits for a message to be moved, behind *at (zeros at first): returns 1
   with its key, and the change added to batch. */
int parked_next(struct replica *r, int64_t message, struct parked *at,
	struct change_batch *batch, struct err *err);
int parked_delete(struct replica *r, const struct parked *p, struct err *err);

/* ---- flagrows.c ---- */

int apply_flags(struct replica *r, const struct change *c, int64_t by_log,
	struct err *err);
/* Put a name as table flag has it ("\\S", or a keyword) into a set. */
void flag_put(
	struct arena *arena, struct flag_set *f, const char *name, bool value);
/* y takes what x's registers know that its own do not. */
int flags_join(struct replica *r, int64_t x, int64_t y, struct err *err);
/* Of the message's flags as they are: those that no change wrote. */
int flags_born(struct replica *r, int64_t message, const struct flag_set *now,
	struct arena *arena, struct flag_set *ret, struct err *err);
/* The message's own row says what its flags' rows say. */
int flags_settle(struct replica *r, int64_t message, struct err *err);
/* Born with these flags: those that no change wrote are so. */
int flags_rebase(struct replica *r, int64_t message,
	const struct flag_set *born, struct err *err);

/* ---- folders ---- */

/* Row of a folder by id, through merges of ids; 0 when there is none. */
int64_t folder_row(struct replica *r, const struct id128 *fid, struct err *err);
/* The same, and make it where there is none (its name not known yet). */
int64_t folder_row_make(
	struct replica *r, const struct id128 *fid, struct err *err);
/* The id that a folder's own row has, through merges of ids; where there is no
   such folder, the one given. */
int folder_own_id(struct replica *r, const struct id128 *folder,
	struct id128 *ret, struct err *err);
/* May this site set UIDs and identity of the folder? */
int folder_authority_ok(
	struct replica *r, int64_t folder, uint64_t site, struct err *err);
/* The claim in these columns: term, site, stamp, uidvalidity, uidnext. */
struct claim folder_claim(sqlite3_stmt *st, int col);
/* Raise the folder's UIDNEXT to at least next. */
int folder_uidnext(struct replica *r, int64_t folder, uint32_t next,
	const struct writer *w, struct err *err);
/* Its living messages, by row. */
int folder_living(struct replica *r, int64_t folder, struct arena *arena,
	int64_t **ret, size_t *ret_count, struct err *err);
/* The UIDs of a folder's messages are no longer confirmed. */
int folder_unconfirm(struct replica *r, int64_t folder, struct err *err);
/* The oldest of a folder's ids that was born is its own. */
int folder_elect(struct replica *r, int64_t folder, struct err *err);

int apply_folder_change(struct replica *r, const struct change *c,
	int64_t by_log, struct err *err);
int apply_merge(struct replica *r, const struct change *c, int64_t by_log,
	int64_t folder, struct err *err);

#endif
