/*
 * fuzz_uidlist: any bytes as dovecot-uidlist.
 *
 * What is read obeys the file's rules; printed and read again it is the same,
 * and printed a second time the same bytes.
 *
 * planted: two lines of one UID let through, and a '/' as the last byte of a
 * base; found within three seconds from the seeds.
 *
 * found: a CR before the end of a field went lost on the way back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "maildir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void obeys_the_rules(const struct uidlist *list)
{
	uint32_t last = 0;

	require(list->identity.uidvalidity != 0 && list->n != 0);
	for (size_t i = 0; i < list->count; i++) {
		const struct uidlist_line *l = &list->lines[i];

		require(l->uid > last && l->uid < UINT32_MAX);
		require(*l->base && strlen(l->base) <= STORE_BASE_MAX);
		require(!strpbrk(l->base, "/:\n"));
		require(!strchr(l->extra, '\n'));
		last = l->uid;
	}
	require(list->identity.uidnext > last);
	require(list->identity.uidnext >= list->n);
}

static void is_the_same(const struct uidlist *a, const struct uidlist *b)
{
	require(a->identity.uidvalidity == b->identity.uidvalidity);
	require(a->identity.uidnext == b->identity.uidnext);
	require(a->identity.has_guid == b->identity.has_guid);
	require(id_equal(&a->identity.guid, &b->identity.guid));
	require(strcmp(a->identity.extra, b->identity.extra) == 0);
	require(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		require(a->lines[i].uid == b->lines[i].uid);
		require(strcmp(a->lines[i].base, b->lines[i].base) == 0);
		require(strcmp(a->lines[i].extra, b->lines[i].extra) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_BUF struct buf once = BUF_INIT;
	AUTO_BUF struct buf twice = BUF_INIT;
	struct uidlist list, again;

	if (uidlist_parse(data, len, &list, NULL) < 0)
		return 0;
	obeys_the_rules(&list);
	uidlist_print(&list, &once);
	require(uidlist_parse(once.data, once.len, &again, NULL) == 0);
	is_the_same(&list, &again);
	uidlist_print(&again, &twice);
	require(once.len == twice.len &&
		memcmp(once.data, twice.data, once.len) == 0);
	uidlist_free(&list);
	uidlist_free(&again);
	return 0;
}
