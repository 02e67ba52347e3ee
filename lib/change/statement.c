/*
 * statement: what is true of a folder at a flush point (docs/format.md,
 * Statements).
 *
 *   lsn | stamp | uidnext | messages | digest | n | n positions
 *
 * Positions of one folder differ in little more than origin and lsn: what is
 * as in the position before is not written.
 */
#include "change.h"
#include "err.h"
#include "wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HAS_ORIGIN 1u
#define HAS_INCARNATION 2u
#define HAS_FOLDER 4u
#define HAS_ALL 7u

#define POSITION_MIN 10 /* bytes: what follows, lsn, chain */

static void add_position(
	const struct position *p, const struct log_id *last, struct buf *ret)
{
	unsigned has = 0;

	if (p->log.origin != last->origin)
		has |= HAS_ORIGIN;
	if (p->log.incarnation != last->incarnation)
		has |= HAS_INCARNATION;
	if (!id_equal(&p->log.folder, &last->folder))
		has |= HAS_FOLDER;
	buf_add_byte(ret, (uint8_t)has);
	if (has & HAS_ORIGIN)
		wire_add_u64(ret, p->log.origin);
	if (has & HAS_INCARNATION)
		wire_add_u64(ret, p->log.incarnation);
	if (has & HAS_FOLDER)
		buf_add(ret, p->log.folder.b, sizeof(p->log.folder.b));
	wire_add_varint(ret, p->lsn);
	wire_add_u64(ret, p->chain);
}

void statement_encode(const struct statement *st, struct buf *ret)
{
	struct log_id last = {0};

	wire_add_varint(ret, st->lsn);
	wire_add_u64(ret, st->stamp);
	wire_add_varint(ret, st->uidnext);
	wire_add_varint(ret, st->messages);
	buf_add(ret, st->digest, sizeof(st->digest));
	wire_add_varint(ret, st->vector_count);
	for (size_t i = 0; i < st->vector_count; i++) {
		add_position(&st->vector[i], &last, ret);
		last = st->vector[i].log;
	}
}

/* A part that is written must differ from the one before. */
static void take_position(
	struct wire *in, const struct log_id *last, struct position *ret)
{
	unsigned has = wire_u8(in);
	const uint8_t *folder = NULL;

	ret->log = *last;
	if (has & HAS_ORIGIN)
		ret->log.origin = wire_u64(in);
	if (has & HAS_INCARNATION)
		ret->log.incarnation = wire_u64(in);
	if (has & HAS_FOLDER)
		folder = wire_raw(in, sizeof(ret->log.folder.b));
	if (folder)
		memcpy(ret->log.folder.b, folder, sizeof(ret->log.folder.b));
	ret->lsn = wire_count(in, CHANGE_LSN_MAX);
	ret->chain = wire_u64(in);
	if (has & ~HAS_ALL ||
		((has & HAS_ORIGIN) && ret->log.origin == last->origin) ||
		((has & HAS_INCARNATION) &&
			ret->log.incarnation == last->incarnation) ||
		((has & HAS_FOLDER) &&
			id_equal(&ret->log.folder, &last->folder)))
		in->bad = true;
}

int statement_decode(
	const void *data, size_t len, struct statement *ret, struct err *err)
{
	struct wire in = wire_over(data, len);
	struct statement st = {0};
	struct log_id last = {0};
	const uint8_t *digest;
	uint64_t count;

	st.lsn = wire_count(&in, CHANGE_LSN_MAX);
	st.stamp = wire_u64(&in);
	st.uidnext = (uint32_t)wire_count(&in, UINT32_MAX);
	st.messages = wire_varint(&in);
	digest = wire_raw(&in, sizeof(st.digest));
	if (digest)
		memcpy(st.digest, digest, sizeof(st.digest));
	count = wire_varint(&in);
	if (count > STATEMENT_VECTOR_MAX)
		return err_set(err, ERR_LIMIT,
			"statement: %" PRIu64 " positions, more than %u", count,
			STATEMENT_VECTOR_MAX);
	if (in.bad || count > wire_left(&in) / POSITION_MIN)
		return err_set(err, ERR_CORRUPT, "statement is not whole");
	st.vector_count = (size_t)count;
	st.vector = mem_array(st.vector_count, sizeof(*st.vector));
	for (size_t i = 0; i < st.vector_count; i++) {
		take_position(&in, &last, &st.vector[i]);
		last = st.vector[i].log;
	}
	if (in.bad || wire_left(&in) > 0) {
		statement_free(&st);
		return err_set(err, ERR_CORRUPT,
			"statement: position not whole, or bytes after it");
	}
	*ret = st;
	return 0;
}

void statement_free(struct statement *st)
{
	free(st->vector);
	*st = (struct statement){0};
}
