/*
 * decode: columns to changes (docs/format.md, Changes).
 *
 *   count | mask | kinds | ids logs strings | columns | hashes
 *
 * The bytes may lie. (1) Nothing is allocated before the bytes that it comes
 * from were counted: a change costs at least its kind's byte, a table entry
 * its length. (2) Every value is checked where it is taken, every change as a
 * whole (change_check) before it is given out. (3) One batch has one
 * encoding: what change_encode would have written otherwise is refused.
 *
 * Strings are put into the batch once per table entry and pointed at; base
 * names, which are put together, cost their 20-byte hash each. So memory is
 * bounded by a multiple of len (about 500 bytes a byte), and time by that and
 * CHANGE_STRINGS_MAX.
 */
#include "decode.h"
#include "err.h"

#include <stdlib.h>
#include <string.h>

static bool has_field(const struct decoder *d, size_t i, unsigned field)
{
	return change_kind_rule(d->items[i].kind)->fields & field;
}

/* Make room for count changes at the end of the batch, and add them. */
static int read_kinds(struct decoder *d, const uint8_t *kinds, struct err *err)
{
	struct change_batch *batch = d->batch;
	size_t before = batch->count;

	if (batch->cap - batch->count < d->count) {
		batch->cap = batch->count + d->count;
		batch->items = mem_grow(
			batch->items, batch->cap, sizeof(*batch->items));
	}
	d->items = batch->items + before;
	for (size_t i = 0; i < d->count; i++) {
		const struct change_kind_rule *rule =
			change_kind_rule(kinds[i]);

		if (!rule)
			return err_set(err, ERR_CORRUPT,
				"change %zu: kind %u is not known", i,
				kinds[i]);
		change_add(batch, kinds[i]);
		if (rule->fields & FIELD_BODY)
			d->name_count++;
	}
	return 0;
}

static int read_column(struct decoder *d, enum column column, struct err *err)
{
	const struct column_rule *rule = &column_rules[column];
	bool there = d->mask & UINT64_C(1) << rule->bit;
	uint64_t any = 0;

	for (size_t i = 0; i < d->count; i++) {
		uint64_t v = 0;
		int rc;

		if (!has_field(d, i, rule->field))
			continue;
		if (there)
			v = wire_varint(&d->in);
		any |= v;
		if (d->in.bad)
			break;
		rc = decode_value(d, column, i, v, err);
		if (rc < 0) {
			err_wrap(err, "change %zu: %s", i, rule->name);
			return rc;
		}
	}
	if (d->in.bad || (there && any == 0))
		return err_set(err, ERR_CORRUPT, "%s: column %s", rule->name,
			d->in.bad ? "is not whole" : "of zeros");
	return 0;
}

/* The first number of every name, then the second, … */
static int read_numbers(struct decoder *d, struct err *err)
{
	bool there = d->mask & UINT64_C(1) << column_rules[COLUMN_NUMBERS].bit;
	uint64_t any = 0;

	for (size_t at = 0; at < PATTERN_NUMBERS_MAX; at++) {
		struct pattern *name = d->names;
		uint64_t last = 0;

		for (size_t i = 0; i < d->count; i++) {
			uint64_t v = 0;

			if (!has_field(d, i, FIELD_BODY) || name++->count <= at)
				continue;
			if (there)
				v = wire_varint(&d->in);
			any |= v;
			last = column_number_near(
				       name[-1].near[at], &d->items[i], last) +
			       column_from_zigzag(v);
			name[-1].numbers[at] = last;
		}
	}
	if (d->in.bad || (there && any == 0))
		return err_set(err, ERR_CORRUPT, "numbers: column %s",
			d->in.bad ? "is not whole" : "of zeros");
	return 0;
}

static int read_columns(struct decoder *d, struct err *err)
{
	for (int column = 0; column < COLUMN_COUNT; column++) {
		int rc = column == COLUMN_NUMBERS
				 ? read_numbers(d, err)
				 : read_column(d, (enum column)column, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Put base names together and take the hashes of their bodies. */
static int read_bodies(struct decoder *d, struct err *err)
{
	const struct pattern *pattern = d->names;

	for (size_t i = 0; i < d->count; i++) {
		char name[CHANGE_NAME_MAX + 1];
		const uint8_t *hash;
		int rc;

		if (!has_field(d, i, FIELD_BODY))
			continue;
		if (pattern_join(pattern++, name) < 0)
			return err_set(err, ERR_CORRUPT,
				"change %zu: base name is not its pattern's",
				i);
		hash = wire_raw(&d->in, HASH_SIZE);
		if (!hash)
			return err_set(
				err, ERR_CORRUPT, "hashes are not whole");
		rc = decode_string_bytes(d, strlen(name), err);
		if (rc < 0)
			return rc;
		memcpy(d->items[i].hash.b, hash, HASH_SIZE);
		d->items[i].base =
			arena_dup(&d->batch->arena, name, strlen(name));
	}
	return 0;
}

static int check_end(struct decoder *d, struct err *err)
{
	if (wire_left(&d->in) > 0)
		return err_set(err, ERR_CORRUPT, "%zu bytes after the end",
			wire_left(&d->in));
	return 0;
}

static int check_all(struct decoder *d, struct err *err)
{
	if (!decode_tables_used(d))
		return err_set(
			err, ERR_CORRUPT, "table entry that nothing points at");
	for (size_t i = 0; i < d->count; i++) {
		struct change *change = &d->items[i];
		int rc;

		if (has_field(d, i, FIELD_BORN))
			change->dot =
				(struct dot){change->by.log, change->by.lsn};
		rc = change_check(change, err);
		if (rc < 0) {
			err_wrap(err, "change %zu", i);
			return rc;
		}
	}
	return 0;
}

static int decode_batch(struct decoder *d, struct err *err)
{
	uint64_t count = wire_varint(&d->in);
	const uint8_t *kinds;
	int rc;

	if (count > CHANGE_BATCH_MAX)
		return err_set(err, ERR_LIMIT,
			"%llu changes in a batch, more than %u",
			(unsigned long long)count, CHANGE_BATCH_MAX);
	d->count = (size_t)count;
	if (!d->in.bad && count == 0)
		return check_end(d, err);
	d->mask = wire_varint(&d->in);
	kinds = wire_raw(&d->in, d->count);
	if (!kinds)
		return err_set(err, ERR_CORRUPT, "kinds are not whole");
	if (d->mask & ~MASK_ALL)
		return err_set(err, ERR_CORRUPT,
			"mask %#llx has unknown columns",
			(unsigned long long)d->mask);
	rc = read_kinds(d, kinds, err);
	if (rc < 0)
		return rc;
	d->log_index = mem_array(d->count, sizeof(*d->log_index));
	d->names = mem_array(d->name_count, sizeof(*d->names));
	rc = decode_tables(d, err);
	if (rc == 0)
		rc = read_columns(d, err);
	if (rc == 0)
		rc = read_bodies(d, err);
	if (rc == 0)
		rc = check_end(d, err);
	if (rc == 0)
		rc = check_all(d, err);
	return rc;
}

int change_decode(const struct change_context *ctx, const void *data,
	size_t len, struct change_batch *ret, struct err *err)
{
	struct decoder d = {.ctx = ctx, .batch = ret};
	size_t before = ret->count;
	int rc;

	d.in = wire_over(data, len);
	column_state_init(&d.last, ctx);
	rc = decode_batch(&d, err);
	column_state_free(&d.last);
	free(d.ids);
	free(d.logs);
	free(d.log_folders);
	free(d.strings);
	free(d.log_index);
	free(d.names);
	if (rc < 0)
		ret->count = before;
	return rc;
}
