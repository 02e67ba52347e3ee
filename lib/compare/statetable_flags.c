/*
 * statetable_flags: names of flags in a state table, and sets of them.
 *
 * A row's set is a number whose bits lie in as many planes; sets are numbered
 * by how many rows have them, so that most bits of most planes are zeros.
 */
#include "statetable_read.h"
#include "flagset.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MIN 2u /* bytes of a name */
#define SET_MIN 1u  /* of a set */

static bool byte_ok(unsigned char c)
{
	return c > 0x20 && c != 0x7f;
}

/* As docs/format.md (What the values may be) wants letters and keywords. */
static bool name_ok(const char *name, size_t len)
{
	unsigned char letter = (unsigned char)name[len - 1];

	for (size_t i = 0; i < len; i++) {
		if (!byte_ok((unsigned char)name[i]))
			return false;
	}
	return !statetable_is_letter(name) ||
	       !((letter >= 'a' && letter <= 'z') || letter == '/');
}

int statetable_take_names(struct statetable *t, struct err *err)
{
	const char *before = "";
	uint64_t count;

	if (!(t->header.columns & (STATETABLE_FLAGS | STATETABLE_WRITES)))
		return 0;
	count = wire_varint(&t->in);
	if (count > STATETABLE_NAMES_MAX)
		return statetable_over(
			err, "names", count, STATETABLE_NAMES_MAX);
	if (t->in.bad || count > wire_left(&t->in) / NAME_MIN)
		return statetable_bad(err, "names are not whole");
	t->name_count = (size_t)count;
	t->names = arena_alloc(&t->arena, t->name_count * sizeof(*t->names));
	for (size_t i = 0; i < count; i++) {
		size_t len;
		const uint8_t *s = wire_bytes(&t->in, CHANGE_KEYWORD_MAX, &len);
		char *name;

		if (!s || len == 0)
			return statetable_bad(err, "name is not whole");
		name = arena_dup(&t->arena, (const char *)s, len);
		if (!name_ok(name, len) ||
			keyword_cmp(before, strlen(before), name, len) >= 0)
			return statetable_bad(
				err, "name is not one, or not in order");
		t->names[i].text = name;
		before = name;
	}
	return 0;
}

/* Letters and keywords of a set; strings: what all sets take. */
static int spell_set(struct statetable *t, struct statetable_set *set,
	size_t *strings, struct err *err)
{
	bool letters[256] = {false};
	size_t room = 2, n = 0;
	char *text;

	for (size_t i = 0; i < set->count; i++)
		room += strlen(t->names[set->members[i]].text) + 1;
	*strings += room;
	if (*strings > STATETABLE_STRINGS_MAX)
		return statetable_over(err, "bytes of flag sets", *strings,
			STATETABLE_STRINGS_MAX);
	text = arena_alloc(&t->arena, room);
	for (size_t i = 0; i < set->count; i++) {
		const char *name = t->names[set->members[i]].text;

		t->names[set->members[i]].used = true;
		if (statetable_is_letter(name))
			letters[(unsigned char)name[1]] = true;
	}
	set->flags.letters = text;
	for (int c = 0; c < 256; c++) {
		if (letters[c])
			*text++ = (char)c;
	}
	set->flags.keywords = ++text;
	for (size_t i = 0; i < set->count; i++) {
		const char *name = t->names[set->members[i]].text;
		size_t len = strlen(name);

		if (statetable_is_letter(name))
			continue;
		if (n)
			text[n++] = ' ';
		memcpy(text + n, name, len);
		n += len;
	}
	return 0;
}

static int take_set(struct statetable *t, struct statetable_set *set,
	size_t *strings, struct err *err)
{
	uint64_t count = wire_varint(&t->in), next = 0;
	uint32_t *members;

	if (count > STATETABLE_ROW_MAX)
		return statetable_over(
			err, "flags in a set", count, STATETABLE_ROW_MAX);
	if (t->in.bad || count > wire_left(&t->in))
		return statetable_bad(err, "set is not whole");
	members = arena_alloc(&t->arena, (size_t)count * sizeof(*members));
	for (size_t i = 0; i < count; i++) {
		next += wire_count(&t->in, t->name_count);
		if (t->in.bad || next >= t->name_count)
			return statetable_bad(err, "set of unknown names");
		members[i] = (uint32_t)next++;
	}
	set->members = members;
	set->count = (size_t)count;
	return spell_set(t, set, strings, err);
}

int statetable_take_sets(struct statetable *t, struct err *err)
{
	size_t strings = 0;
	uint64_t count;
	int rc = 0;

	if (!(t->header.columns & STATETABLE_FLAGS))
		return 0;
	count = wire_varint(&t->in);
	if (count > STATETABLE_NAMES_MAX)
		return statetable_over(
			err, "sets", count, STATETABLE_NAMES_MAX);
	if (t->in.bad || count > wire_left(&t->in) / SET_MIN)
		return statetable_bad(err, "sets are not whole");
	t->set_count = (size_t)count;
	t->sets = arena_alloc(&t->arena, t->set_count * sizeof(*t->sets));
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = take_set(t, &t->sets[i], &strings, err);
	if (rc < 0)
		return rc;
	t->plane_count = statetable_planes(t->set_count);
	t->plane_size = (size_t)(t->header.rows + 7) / 8;
	t->planes = wire_raw(&t->in, t->plane_count * t->plane_size);
	return t->planes ? 0 : statetable_bad(err, "planes are not whole");
}

size_t statetable_set_of(const struct statetable *t, uint64_t row)
{
	const uint8_t *at = t->planes + row / 8;
	size_t set = 0;

	for (unsigned i = 0; i < t->plane_count; i++, at += t->plane_size)
		set |= (size_t)(*at >> row % 8 & 1) << i;
	return set;
}

static int cmp_members(
	const struct statetable_set *a, const struct statetable_set *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		if (a->members[i] != b->members[i])
			return a->members[i] < b->members[i] ? -1 : 1;
	}
	return (a->count > b->count) - (a->count < b->count);
}

static int cmp_sorted(const void *a, const void *b)
{
	return cmp_members(*(const struct statetable_set *const *)a,
		*(const struct statetable_set *const *)b);
}

static bool set_is_double(const struct statetable *t)
{
	AUTO_FREE const struct statetable_set **sorted =
		mem_array(t->set_count, sizeof(struct statetable_set *));

	for (size_t i = 0; i < t->set_count; i++)
		sorted[i] = &t->sets[i];
	qsort(sorted, t->set_count, sizeof(struct statetable_set *),
		cmp_sorted);
	for (size_t i = 1; i < t->set_count; i++) {
		if (cmp_members(sorted[i - 1], sorted[i]) == 0)
			return true;
	}
	return false;
}

/* Bits behind the last row. */
static bool padding_is_zero(const struct statetable *t)
{
	unsigned used = t->header.rows % 8;

	for (unsigned i = 1; used && i <= t->plane_count; i++) {
		if (t->planes[i * t->plane_size - 1] >> used)
			return false;
	}
	return true;
}

int statetable_check_flags(const struct statetable *t, struct err *err)
{
	for (size_t i = 0; i < t->name_count; i++) {
		if (!t->names[i].used)
			return statetable_bad(
				err, "name that nothing points at");
	}
	for (size_t i = 0; i < t->set_count; i++) {
		const struct statetable_set *set = &t->sets[i];

		if (set->uses == 0)
			return statetable_bad(err, "set that no row has");
		if (i > 0 && (set[-1].uses < set->uses ||
				     (set[-1].uses == set->uses &&
					     cmp_members(&set[-1], set) >= 0)))
			return statetable_bad(err, "sets are not in order");
	}
	if (set_is_double(t))
		return statetable_bad(err, "set is double");
	return padding_is_zero(t)
		       ? 0
		       : statetable_bad(err, "bits behind the last row");
}
