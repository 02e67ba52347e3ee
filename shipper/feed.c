#include "feed.h"

#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "parcel.h"
#include "previewing.h"

/* Bytes of small bodies in one parcel. */
#define TOGETHER_FIRST (4u << 10)
#define TOGETHER_SLOW (32u << 10) /* at most, on a slow link */
#define TOGETHER_MOST (256u << 10)
#define SLOW_WINDOW (16u << 10) /* so much is under way on a slow one */

static void list_free(struct feed_list *list)
{
	for (size_t i = list->at; i < list->count; i++)
		free(list->items[i].account);
	free(list->items);
	*list = (struct feed_list){0};
}

void feed_forget(struct feed *f)
{
	list_free(&f->small);
	list_free(&f->large);
	f->told_offset = false;
}

void feed_free(struct feed *f)
{
	for (size_t i = 0; i < f->sent_count; i++)
		free(f->sent[i].account);
	free(f->sent);
	buf_free(&f->gathered);
	feed_forget(f);
}

void feed_add(struct feed *f, const char *account, const struct hash *hash,
	uint64_t size, uint64_t offset)
{
	struct feed_list *list = size > FEED_SMALL ? &f->large : &f->small;

	list->items = mem_room(list->items, list->count, sizeof(*list->items));
	list->items[list->count++] =
		(struct feed_body){.account = mem_dup(account),
			.hash = *hash,
			.size = size,
			.offset = offset <= size ? offset : 0};
}

void feed_preview(struct feed *f, const char *account, const struct hash *hash,
	const struct hash *held, size_t most)
{
	struct feed_list *list = &f->small;

	feed_add(f, account, hash, most, 0);
	list->items[list->count - 1].preview = true;
	list->items[list->count - 1].held = *held;
}

static bool lists(
	const struct feed_body *items, size_t count, const struct hash *hash)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(&items[i].hash, hash, sizeof(*hash)) == 0)
			return true;
	return false;
}

bool feed_knows(const struct feed *f, const struct hash *hash)
{
	return lists(f->sent, f->sent_count, hash) ||
	       lists(f->small.items + f->small.at, f->small.count - f->small.at,
		       hash) ||
	       lists(f->large.items + f->large.at, f->large.count - f->large.at,
		       hash);
}

static bool is_done(const struct feed_list *list)
{
	return list->at == list->count;
}

bool feed_is_empty(const struct feed *f)
{
	return is_done(&f->small) && is_done(&f->large);
}

static void next_of(struct feed *f, struct feed_list *list, bool sent)
{
	struct feed_body *b = &list->items[list->at++];

	if (sent && f->sent_count < FEED_SENT_MAX) {
		f->sent = mem_room(f->sent, f->sent_count, sizeof(*f->sent));
		f->sent[f->sent_count++] = *b;
	} else {
		free(b->account);
	}
	if (is_done(list))
		list_free(list);
}

/*
 * Append a piece of a body as a section. Returns 1: none, it is gone or
 * damaged; else 0, and where the piece ends.
 */
static int add_piece(struct feed *f, const struct handover_config *config,
	struct feed_body *b, size_t most, struct buf *sections, struct err *err)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	int rc;

	if (b->preview)
		return previewing_add(
			config, b->account, &b->held, b->size, sections, err);
	rc = config->body(config->body_arg, b->account, &b->hash, b->offset,
		most, &bytes, &b->size, err);
	if (rc == ERR_ABSENT || rc == ERR_CORRUPT) {
		f->missing += rc == ERR_ABSENT;
		f->damaged += rc == ERR_CORRUPT;
		return 1;
	}
	if (rc < 0)
		return rc;
	struct parcel_body piece = {
		b->hash, b->size, b->offset, bytes.data, bytes.len};
	parcel_add_body(sections, &piece);
	b->offset += bytes.len;
	f->bytes += bytes.len;
	f->bodies += b->offset == b->size;
	return 0;
}

static int give(int level, struct link *link, enum link_class class,
	const struct buf *sections, struct err *err)
{
	AUTO_BUF struct buf contents = BUF_INIT;

	if (!sections->len)
		return 0;
	int rc = parcel_pack(
		sections->data, sections->len, level, &contents, err);
	if (rc >= 0)
		link_add(link, class, contents.data, contents.len);
	return rc;
}

/*
 * Many together are smaller, and nobody has one of them before all came. So at
 * first one goes, then twice as much as went before: nothing waits much longer
 * than those before it took, and hardly a byte more goes.
 */
static size_t together(const struct feed *f, const struct link *link)
{
	uint64_t carries = 16 * link_window(link);
	uint64_t most = carries < TOGETHER_SLOW	  ? TOGETHER_SLOW
			: carries > TOGETHER_MOST ? TOGETHER_MOST
						  : carries;

	uint64_t next = f->packed ? 2 * f->packed : TOGETHER_FIRST;
	return (size_t)(next < most ? next : most);
}

/* The line takes seconds over what the best compression needs some 50 ms for:
   so half as many need go together for the same bytes. */
static int level_of_small(
	const struct handover_config *config, const struct link *link)
{
	bool slow = link_window(link) < SLOW_WINDOW;

	return slow && config->level < PARCEL_SLOW ? PARCEL_SLOW
						   : config->level;
}

/* Packed as late as can be: how fast the line is shows meanwhile. */
static uint64_t ahead(const struct link *link)
{
	uint64_t carries = 4 * link_window(link);

	return carries < FEED_AHEAD ? carries : FEED_AHEAD;
}

static int pack_small(struct feed *f, const struct handover_config *config,
	struct link *link, struct err *err)
{
	struct buf *sections = &f->gathered;
	size_t most = together(f, link);
	int rc = 0;

	while (!is_done(&f->small) && rc >= 0) {
		struct feed_body *b = &f->small.items[f->small.at];

		if (sections->len && sections->len + b->size > most)
			break;
		rc = add_piece(f, config, b, FEED_PIECE, sections, err);
		if (rc >= 0)
			next_of(f, &f->small, rc == 0);
	}
	if (rc == ERR_BUSY) /* it may be as large as ever, later */
		return rc;
	f->packed += sections->len;
	int given = give(level_of_small(config, link), link, LINK_SMALL,
		sections, rc < 0 ? NULL : err);
	buf_clear(sections);
	return rc < 0 ? rc : given;
}

static int pack_large(struct feed *f, const struct handover_config *config,
	struct link *link, struct err *err)
{
	struct feed_body *b = &f->large.items[f->large.at];
	AUTO_BUF struct buf sections = BUF_INIT;
	uint64_t there = link_has(link, &b->hash);

	if (!f->told_offset && there > b->offset && there <= b->size)
		b->offset = there;
	f->told_offset = true;
	int rc = add_piece(f, config, b,
		(size_t)(FEED_PIECE - b->offset % FEED_PIECE), &sections, err);
	if (rc < 0)
		return rc;
	if (rc > 0 || b->offset == b->size) {
		next_of(f, &f->large, rc == 0);
		f->told_offset = false;
	}
	/* The same whenever it is packed: part of it may be there. */
	return give(config->level, link, LINK_LARGE, &sections, err);
}

int feed_fill(struct feed *f, const struct handover_config *config,
	struct link *link, struct err *err)
{
	int rc = 0;

	while (rc >= 0 && !is_done(&f->small) &&
		link_queued(link, LINK_SMALL) < ahead(link))
		rc = pack_small(f, config, link, err);
	/* What the other has of it is not known before. */
	while (rc >= 0 && !is_done(&f->large) && link_heard_have(link) &&
		link_queued(link, LINK_LARGE) < FEED_AHEAD)
		rc = pack_large(f, config, link, err);
	return rc;
}
