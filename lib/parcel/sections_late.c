/*
 * sections_late: what an acknowledgement says of messages that came late, to
 * bytes and back. It is the rest of that section, and nothing where there are
 * none.
 *
 *	0 | folder | UIDNEXT | log | lsn | UID    of a folder, at first
 *	1 | log | lsn | UID                       of the folder before
 *	2 | lsn - the one before | UID            of that folder and log
 *
 * Folders ascend, and in each the dots.
 */
#include "err.h"
#include "sections.h"

#include <assert.h>
#include <string.h>

#define NEW_FOLDER 0u
#define NEW_LOG 1u
#define SAME_LOG 2u

/* The smallest that one can be: bounds their number. */
#define LATE_MIN (1u + 1u + 1u)

static unsigned spelling(
	const struct parcel_late *l, const struct parcel_late *before)
{
	if (!before || !id_equal(&l->folder, &before->folder))
		return NEW_FOLDER;
	return log_id_cmp(&l->dot.log, &before->dot.log) ? NEW_LOG : SAME_LOG;
}

/* Are the two in order, and do they agree? */
static bool in_order(
	const struct parcel_late *l, const struct parcel_late *before)
{
	int order = id_cmp(&l->folder, before ? &before->folder : &ID_ACCOUNT);

	if (order != 0)
		return order > 0;
	return before && dot_cmp(&l->dot, &before->dot) > 0 &&
	       l->uidnext == before->uidnext;
}

void sections_add_late(struct buf *b, uint64_t sender,
	const struct parcel_late *late, size_t count)
{
	const struct parcel_late *before = NULL;

	assert(count <= PARCEL_LATE_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct parcel_late *l = &late[i];
		unsigned how = spelling(l, before);

		assert(in_order(l, before) && l->dot.lsn && l->uid);
		buf_add_byte(b, (uint8_t)how);
		if (how == NEW_FOLDER) {
			buf_add(b, l->folder.b, sizeof(l->folder.b));
			wire_add_varint(b, l->uidnext);
		}
		if (how != SAME_LOG)
			sections_add_log(b, sender, &l->dot.log,
				before ? &before->dot.log : NULL);
		wire_add_varint(b,
			l->dot.lsn - (how == SAME_LOG ? before->dot.lsn : 0));
		wire_add_varint(b, l->uid);
		before = l;
	}
}

static void take_one(struct wire *w, uint64_t sender,
	const struct parcel_late *before, struct parcel_late *ret)
{
	unsigned how = wire_u8(w);
	uint64_t more, base = 0;

	if (how > SAME_LOG || (how != NEW_FOLDER && !before)) {
		w->bad = true;
		return;
	}
	if (how == NEW_FOLDER) {
		const uint8_t *id = wire_raw(w, sizeof(ret->folder.b));

		if (id)
			memcpy(ret->folder.b, id, sizeof(ret->folder.b));
		ret->uidnext = (uint32_t)wire_count(w, UINT32_MAX);
	} else {
		ret->folder = before->folder;
		ret->uidnext = before->uidnext;
	}
	if (how == SAME_LOG) {
		ret->dot.log = before->dot.log;
		base = before->dot.lsn;
	} else {
		ret->dot.log = sections_take_log(
			w, sender, before ? &before->dot.log : NULL);
	}
	more = wire_varint(w);
	ret->dot.lsn = base + more;
	ret->uid = (uint32_t)wire_count(w, UINT32_MAX);
	if (!more || more > UINT64_MAX - base || !ret->uid ||
		how != spelling(ret, before) || !in_order(ret, before))
		w->bad = true;
}

int sections_take_late(const struct parse *p, struct wire *w,
	struct parcel_late **ret, size_t *ret_count)
{
	size_t most = wire_left(w) / LATE_MIN, count = 0;
	struct parcel_late *list;

	*ret = NULL;
	*ret_count = 0;
	if (!wire_left(w))
		return 0;
	if (most > PARCEL_LATE_MAX)
		most = PARCEL_LATE_MAX;
	list = arena_alloc(&p->out->arena, (most + 1) * sizeof(*list));
	while (wire_left(w) && !w->bad && count < most) {
		take_one(w, p->sender, count ? &list[count - 1] : NULL,
			&list[count]);
		count++;
	}
	if (w->bad || wire_left(w))
		return sections_bad(p, "what came late is malformed");
	*ret = list;
	*ret_count = count;
	return 0;
}
