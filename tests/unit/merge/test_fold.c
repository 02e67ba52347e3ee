/*
 * A fold leaves every receiver in the state that all changes would have left
 * it in.
 *
 * The receiver here is a model that knows no more than: a register keeps the
 * greatest write, a UIDNEXT only grows, a message is dead when all its dots
 * are, and nothing else of a dead message matters.
 */
#include "changemaker.h"
#include "err.h"
#include "fields.h"
#include "fold.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- the model ---- */

struct entry {
	char key[200];
	char value[200];
	struct write_id by;
	uint64_t rank;	/* of what only grows */
	struct dot dot; /* of what dies with its message; lsn 0: of none */
};

struct model {
	struct entry *items;
	size_t count, cap;
	struct change_batch seen;
};

static void model_free(struct model *m)
{
	free(m->items);
	change_batch_free(&m->seen);
}

static char *dot_text(const struct dot *dot)
{
	char hex[ID_HEX];

	id_hex(&dot->log.folder, hex);
	return mem_printf("%" PRIx64 "/%" PRIx64 "/%s:%" PRIu64,
		dot->log.origin, dot->log.incarnation, hex, dot->lsn);
}

static struct entry *write_entry(struct model *m, const struct change *c,
	const char *reg, const char *subject)
{
	struct entry new = {.by = c->by}, *old = NULL;

	snprintf(new.key, sizeof(new.key), "%s %s", reg, subject);
	for (size_t i = 0; i < m->count; i++) {
		if (strcmp(m->items[i].key, new.key) == 0)
			old = &m->items[i];
	}
	if (old)
		return write_id_cmp(&old->by, &c->by) < 0 ? old : NULL;
	if (m->count == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 64;
		m->items = mem_grow(m->items, m->cap, sizeof(*m->items));
	}
	m->items[m->count] = new;
	return &m->items[m->count++];
}

__attribute__((format(printf, 5, 6))) static void write_reg(struct model *m,
	const struct change *c, const char *reg, const char *subject,
	const char *fmt, ...)
{
	struct entry *e = write_entry(m, c, reg, subject);
	va_list ap;

	if (!e)
		return;
	va_start(ap, fmt);
	vsnprintf(e->value, sizeof(e->value), fmt, ap);
	va_end(ap);
	e->by = c->by;
	e->dot = c->kind <= CHANGE_EXTRA ? c->dot : (struct dot){0};
}

/* What only grows: the number counts, not who wrote it. */
static void raise_to(
	struct model *m, const char *reg, const char *subject, uint64_t to)
{
	struct change none = {.kind = CHANGE_GAP};
	struct entry *e = NULL;
	char key[200];

	snprintf(key, sizeof(key), "%s %s", reg, subject);
	for (size_t i = 0; i < m->count; i++) {
		if (strcmp(m->items[i].key, key) == 0)
			e = &m->items[i];
	}
	if (!e)
		e = write_entry(m, &none, reg, subject);
	if (to > e->rank) {
		e->rank = to;
		snprintf(e->value, sizeof(e->value), "%" PRIu64, to);
	}
}

static void write_flags(struct model *m, const struct change *c,
	const struct flag_set *set, bool on, const char *dot)
{
	char list[200], reg[200];

	for (const char *s = set->letters; *s; s++) {
		snprintf(reg, sizeof(reg), "flag %c", *s);
		write_reg(m, c, reg, dot, "%d", on);
	}
	snprintf(list, sizeof(list), "%s", set->keywords);
	for (char *at = list, *word; (word = strsep(&at, " "));) {
		if (!*word)
			continue;
		for (char *s = word; *s; s++)
			*s = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
		snprintf(reg, sizeof(reg), "keyword %s", word);
		write_reg(m, c, reg, dot, "%d", on);
	}
}

/* The GUID is a register of its own, that not every EXTRA writes. */
static void write_fields(
	struct model *m, const struct change *c, const char *dot)
{
	AUTO_ARENA struct arena arena = {0};
	const char *guid = fields_get(&arena, c->extra, 'G');

	write_reg(m, c, "extra", dot, "%s",
		fields_put(&arena, c->extra, 'G', NULL));
	if (guid)
		write_reg(m, c, "guid", dot, "%s", guid);
}

static void apply_message(struct model *m, const struct change *c)
{
	AUTO_FREE char *dot = dot_text(&c->dot);
	AUTO_FREE char *source = dot_text(&c->source);
	char folder[ID_HEX], reg[100];

	id_hex(&c->by.log.folder, folder);
	if (c->kind == CHANGE_UIDNEXT) {
		if (c->uid)
			raise_to(m, "uidnext", folder, c->uid);
		return;
	}
	snprintf(reg, sizeof(reg), "uid in %s", folder);
	if (c->uid) {
		write_reg(m, c, reg, dot, "%u", c->uid);
		raise_to(m, "uidnext", folder, c->uid);
	}
	switch (c->kind) {
	case CHANGE_SAVE:
	case CHANGE_COPY:
	case CHANGE_MOVE:
		write_reg(m, c, "place", dot, "%s %s", folder, c->base);
		snprintf(reg, sizeof(reg), "here %s", folder);
		write_reg(m, c, reg, dot, "yes");
		write_reg(m, c, c->kind == CHANGE_MOVE ? "moved" : "born", dot,
			"%s %d %s", c->extra, c->hash.b[0], c->add.letters);
		if (c->kind == CHANGE_MOVE && c->source.lsn)
			write_reg(m, c, source, dot, "one message");
		break;
	case CHANGE_LEFT:
		snprintf(reg, sizeof(reg), "here %s", folder);
		write_reg(m, c, reg, dot, "left to %d", c->folder.b[1]);
		break;
	case CHANGE_FLAGS:
		write_flags(m, c, &c->add, true, dot);
		write_flags(m, c, &c->del, false, dot);
		break;
	case CHANGE_EXTRA:
		write_fields(m, c, dot);
		break;
	default:
		break;
	}
}

static void apply_folder(struct model *m, const struct change *c)
{
	char id[ID_HEX], other[ID_HEX], lsn[40];

	id_hex(&c->folder, id);
	id_hex(&c->other, other);
	snprintf(lsn, sizeof(lsn), "%" PRIu64, c->by.lsn);
	switch (c->kind) {
	case CHANGE_FOLDER:
		write_reg(m, c, "born", id, "%s", c->path);
		write_reg(m, c, "path", id, "%s", c->path);
		break;
	case CHANGE_RENAME:
		write_reg(m, c, "path", id, "%s", c->path);
		break;
	case CHANGE_DELETE:
		write_reg(m, c, "deleted", id, "yes");
		break;
	case CHANGE_SUBSCRIBE:
		write_reg(m, c, "subscribed",
			id_is_account(&c->folder) ? c->path : id, "%s %d",
			c->path, c->value);
		break;
	case CHANGE_IDENTITY:
		write_reg(m, c, "identity", id, "%u %d %s", c->uidvalidity,
			c->guid.b[1], c->extra);
		raise_to(m, "floor", id, c->uidnext);
		break;
	default: /* each for itself */
		write_reg(m, c, c->kind == CHANGE_AUTHORITY ? "term" : "event",
			lsn, "%d %s %s %" PRIu64 " %" PRIu64 "-%" PRIu64,
			(int)c->kind, id, other, c->term, c->first, c->end.lsn);
		break;
	}
}

static void apply(struct model *m, const struct change *c)
{
	AUTO_FREE char *dot = dot_text(&c->dot);

	change_copy(&m->seen, c);
	if (c->kind == CHANGE_EXPUNGE) {
		struct entry *e = write_entry(m, c, "dead", dot);

		if (e)
			e->by = c->by;
	} else if (c->kind <= CHANGE_UIDNEXT) {
		apply_message(m, c);
	} else {
		apply_folder(m, c);
	}
}

static bool is_expunged(const struct model *m, const struct dot *dot)
{
	AUTO_FREE char *text = dot_text(dot);
	char key[200];

	snprintf(key, sizeof(key), "dead %s", text);
	for (size_t i = 0; i < m->count; i++) {
		if (strcmp(m->items[i].key, key) == 0)
			return true;
	}
	return false;
}

/* Dead: the dot and all that MOVEs join with it, over any number of steps. */
static bool is_dead(const struct model *m, const struct dot *dot)
{
	struct dot set[64] = {*dot};
	size_t n = 1;

	for (size_t at = 0; at < n; at++) {
		for (size_t i = 0; i < m->seen.count; i++) {
			const struct change *c = &m->seen.items[i];
			const struct dot *next = NULL;
			bool have = false;

			if (c->kind != CHANGE_MOVE || c->source.lsn == 0)
				continue;
			if (dot_cmp(&c->dot, &set[at]) == 0)
				next = &c->source;
			else if (dot_cmp(&c->source, &set[at]) == 0)
				next = &c->dot;
			for (size_t j = 0; next && j < n; j++)
				have |= dot_cmp(next, &set[j]) == 0;
			if (next && !have && n < 64)
				set[n++] = *next;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_expunged(m, &set[i]))
			return false;
	}
	return true;
}

static int line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The state as sorted lines. */
static char *state_of(const struct model *m)
{
	struct buf text = BUF_INIT;
	char **lines = mem_array(m->count, sizeof(char *));
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->items[i];

		if (e->dot.lsn && is_dead(m, &e->dot))
			continue;
		lines[n++] = mem_printf("%s = %s by %" PRIx64 " %" PRIx64
					":%" PRIu64 "\n",
			e->key, e->value, e->by.stamp, e->by.log.origin,
			e->by.lsn);
	}
	qsort(lines, n, sizeof(*lines), line_cmp);
	for (size_t i = 0; i < n; i++) {
		buf_add_str(&text, lines[i]);
		free(lines[i]);
	}
	free(lines);
	buf_str(&text);
	return (char *)text.data;
}

/* ---- changes about few messages and folders, so that they meet ---- */

static struct dot few_dots(struct maker *m)
{
	struct dot dot = {m->logs[maker_below(m, 2)], 1 + maker_below(m, 4)};

	return dot;
}

static void make(
	struct maker *m, struct change_batch *b, bool account, size_t count)
{
	for (size_t i = 0; i < 4; i++)
		m->lsns[i] = 0;
	for (size_t i = 0; i < count; i++) {
		struct change *c;

		maker_batch(m, b, 1);
		c = &b->items[b->count - 1];
		if (maker_below(m, 2) && c->by.stamp)
			c->by.stamp = STAMP_OF(5, maker_below(m, 30));
		if (c->kind <= CHANGE_EXTRA && c->kind != CHANGE_SAVE &&
			c->kind != CHANGE_COPY)
			c->dot = few_dots(m);
		if (c->kind == CHANGE_MOVE && maker_below(m, 2))
			c->source = few_dots(m);
		if (c->kind == CHANGE_COPY || c->kind == CHANGE_SAVE)
			c->dot = (struct dot){c->by.log, c->by.lsn};
		if (c->uid)
			c->uid %= 50;
		if (account)
			c->uidnext %= 50;
	}
}

static void keep_lsns_small(struct change_batch *b)
{
	/* so that dots of SAVEs are met by the others */
	struct log_id logs[8];
	uint64_t lsns[8];
	size_t n = 0;

	for (size_t i = 0; i < b->count; i++) {
		struct change *c = &b->items[i];
		size_t at;

		for (at = 0; at < n; at++) {
			if (log_id_cmp(&logs[at], &c->by.log) == 0)
				break;
		}
		if (at == n) {
			logs[n] = c->by.log;
			lsns[n++] = 0;
		}
		c->by.lsn = ++lsns[at];
		if (c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY)
			c->dot.lsn = c->by.lsn;
	}
}

static void assert_same_state(const struct change_batch *all,
	const struct change_batch *folded, const struct maker *m,
	const uint64_t known[4], bool again)
{
	struct model by_all = {0}, by_fold = {0};
	char *a, *b;

	for (size_t i = 0; i < all->count; i++) {
		const struct change *c = &all->items[i];

		for (size_t l = 0; l < 4; l++) {
			if (log_id_cmp(&c->by.log, &m->logs[l]) == 0 &&
				c->by.lsn <= known[l])
				apply(&by_fold, c);
		}
		apply(&by_all, c);
	}
	for (size_t i = 0; i < folded->count; i++) {
		const struct change *c = &folded->items[i];
		bool skip = false;

		for (size_t l = 0; l < 4; l++)
			skip |= log_id_cmp(&c->by.log, &m->logs[l]) == 0 &&
				c->by.lsn <= known[l];
		if (again || !skip)
			apply(&by_fold, c);
	}
	a = state_of(&by_all);
	b = state_of(&by_fold);
	if (strcmp(a, b) != 0)
		print_message("--- all\n%s--- fold\n%s", a, b);
	assert_string_equal(a, b);
	free(a);
	free(b);
	model_free(&by_all);
	model_free(&by_fold);
}

/* What a receiver sees that refuses expunges. */
static void without_expunges(
	const struct change_batch *from, struct change_batch *ret)
{
	for (size_t i = 0; i < from->count; i++) {
		if (from->items[i].kind != CHANGE_EXPUNGE)
			change_copy(ret, &from->items[i]);
	}
}

static void check_refused(const struct change_batch *all, const struct maker *m)
{
	struct change_batch folded = {0}, seen = {0}, seen_folded = {0};
	const uint64_t none[4] = {0};

	fold_changes(all->items, all->count, FOLD_KEEP_DEAD, &folded);
	without_expunges(all, &seen);
	without_expunges(&folded, &seen_folded);
	assert_same_state(&seen, &seen_folded, m, none, false);
	change_batch_free(&folded);
	change_batch_free(&seen);
	change_batch_free(&seen_folded);
}

static void check_seed(uint64_t seed, bool account)
{
	struct change_batch all = {0}, folded = {0}, twice = {0};
	const uint64_t none[4] = {0};
	struct maker m;

	maker_init(&m, seed, account);
	m.logs[1].folder = m.logs[0].folder;
	make(&m, &all, account, 8 + maker_below(&m, 40));
	keep_lsns_small(&all);
	for (size_t i = 0; i < all.count; i++)
		assert_int_equal(change_check(&all.items[i], NULL), 0);
	fold_changes(all.items, all.count, FOLD_DROP_DEAD, &folded);
	assert_true(folded.count <= all.count);
	for (size_t i = 0; i < folded.count; i++)
		assert_int_equal(change_check(&folded.items[i], NULL), 0);
	for (int start = 0; start < 8; start++) {
		uint64_t known[4];

		for (size_t l = 0; l < 4; l++)
			known[l] = start == 0 ? 0 : maker_below(&m, 16);
		assert_same_state(&all, &folded, &m, known, start % 2);
	}
	fold_changes(folded.items, folded.count, FOLD_DROP_DEAD, &twice);
	assert_true(twice.count <= folded.count);
	assert_same_state(&all, &twice, &m, none, false);
	check_refused(&all, &m);
	change_batch_free(&all);
	change_batch_free(&folded);
	change_batch_free(&twice);
}

static void a_fold_says_what_all_changes_say(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 150; seed++) {
		check_seed(seed, false);
		check_seed(seed, true);
	}
}

/* ---- one rule each ---- */

struct scene {
	struct change_batch b, folded;
	struct log_id log;
	uint64_t lsn;
};

static struct scene scene_of(bool account)
{
	return (struct scene){.log = {1, 2, account ? ID_ACCOUNT : ID_INBOX}};
}

static struct change *say(struct scene *s, enum change_kind kind, uint64_t dot)
{
	struct change *c = change_add(&s->b, kind);

	s->lsn++;
	c->by = (struct write_id){STAMP_OF(1000, s->lsn), s->log, s->lsn};
	if (kind == CHANGE_SAVE || kind == CHANGE_COPY)
		dot = s->lsn;
	c->dot = (struct dot){s->log, dot};
	c->base = "1.a";
	c->path = "A";
	c->folder = c->other = (struct id128){{9}};
	return c;
}

static void say_flags(struct scene *s, uint64_t dot, const char *add,
	const char *add_words, const char *del, const char *del_words)
{
	struct change *c = say(s, CHANGE_FLAGS, dot);

	c->add = (struct flag_set){add, add_words};
	c->del = (struct flag_set){del, del_words};
}

/* What is left, as "lsn:kind …". */
static void expect_as(struct scene *s, enum fold_dead how, const char *left)
{
	struct buf text = BUF_INIT;

	s->folded = (struct change_batch){0};
	fold_changes(s->b.items, s->b.count, how, &s->folded);
	for (size_t i = 0; i < s->folded.count; i++)
		buf_printf(&text, "%s%" PRIu64, i ? " " : "",
			s->folded.items[i].by.lsn);
	assert_string_equal(buf_str(&text), left);
	buf_free(&text);
}

static void expect(struct scene *s, const char *left)
{
	expect_as(s, FOLD_DROP_DEAD, left);
}

static void expect_flags(const struct scene *s, size_t i, const char *add,
	const char *add_words, const char *del, const char *del_words)
{
	const struct change *c = &s->folded.items[i];

	assert_string_equal(c->add.letters, add);
	assert_string_equal(c->add.keywords, add_words);
	assert_string_equal(c->del.letters, del);
	assert_string_equal(c->del.keywords, del_words);
}

static void end(struct scene *s)
{
	change_batch_free(&s->b);
	change_batch_free(&s->folded);
}

static void nothing_folds_to_nothing(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	expect(&s, "");
	end(&s);
}

static void flags_keep_what_no_later_write_touched(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	say_flags(&s, 90, "FS", "$Junk", "RT", "alpha Beta gamma");
	say_flags(&s, 90, "T", "BETA", "S", "");
	say_flags(&s, 90, "S", "", "", "");
	say_flags(&s, 91, "S", "", "", "");
	expect(&s, "1 2 3 4");
	expect_flags(&s, 0, "F", "$Junk", "R", "alpha gamma");
	expect_flags(&s, 1, "T", "BETA", "", "");
	expect_flags(&s, 2, "S", "", "", "");
	end(&s);
}

static void flags_overwritten_altogether_disappear(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	for (int i = 0; i < 50; i++) {
		say_flags(&s, 90, "S", "work", "", "");
		say_flags(&s, 90, "", "", "S", "Work");
	}
	expect(&s, "100");
	end(&s);
}

static void the_later_stamp_wins_whatever_the_lsn(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	say_flags(&s, 90, "S", "", "", "");
	say_flags(&s, 90, "", "", "S", "");
	s.b.items[0].by.stamp = STAMP_OF(2000, 0);
	expect(&s, "1");
	end(&s);
}

static void of_a_dead_message_only_the_expunge_is_told(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	say(&s, CHANGE_SAVE, 0);
	say_flags(&s, 1, "S", "", "", "");
	say(&s, CHANGE_UID, 1)->uid = 5;
	say(&s, CHANGE_EXTRA, 1)->extra = "G1";
	say(&s, CHANGE_LEFT, 1);
	say(&s, CHANGE_MOVE, 1);
	say(&s, CHANGE_EXPUNGE, 1);
	say_flags(&s, 1, "F", "", "", "");
	say(&s, CHANGE_SAVE, 0)->uid = 6;
	expect(&s, "7 9");
	change_batch_free(&s.folded);
	expect_as(&s, FOLD_KEEP_DEAD, "1 2 3 4 6 7 8 9");
	end(&s);
}

static void a_message_lives_while_one_of_its_dots_lives(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	/* logged as a copy first, then as the move that it was */
	say(&s, CHANGE_COPY, 0)->source = (struct dot){s.log, 90};
	say(&s, CHANGE_MOVE, 90)->source = (struct dot){s.log, 1};
	say_flags(&s, 90, "S", "", "", "");
	say(&s, CHANGE_EXPUNGE, 90);
	expect(&s, "1 2 3 4");
	change_batch_free(&s.folded);
	say(&s, CHANGE_EXPUNGE, 1);
	expect(&s, "4 5");
	end(&s);
}

static void the_greatest_uid_is_told_though_its_message_is_dead(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	say(&s, CHANGE_SAVE, 0)->uid = 7;
	say(&s, CHANGE_SAVE, 0)->uid = 8;
	say(&s, CHANGE_SAVE, 0)->uid = 9;
	say(&s, CHANGE_UID, 3)->uid = 12;
	say(&s, CHANGE_EXPUNGE, 2);
	say(&s, CHANGE_EXPUNGE, 3);
	expect(&s, "1 3 4 5 6");
	change_batch_free(&s.folded);
	say(&s, CHANGE_SAVE, 0)->uid = 13;
	expect(&s, "1 5 6 7");
	end(&s);
}

static void uid_extra_and_move_keep_the_last(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	for (int i = 0; i < 2; i++) {
		say(&s, CHANGE_UID, 90)->uid = 4;
		say(&s, CHANGE_EXTRA, 90)->extra = "P1";
		say(&s, CHANGE_MOVE, 91);
		say(&s, CHANGE_UID, 92)->uid = 5;
	}
	expect(&s, "5 6 7 8");
	end(&s);
}

static void moves_that_name_different_sources_are_all_told(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	say(&s, CHANGE_MOVE, 90)->source = (struct dot){s.log, 50};
	say(&s, CHANGE_MOVE, 90)->source = (struct dot){s.log, 51};
	say(&s, CHANGE_MOVE, 90)->source = (struct dot){s.log, 51};
	expect(&s, "1 3");
	end(&s);
}

static void left_is_told_unless_the_message_came_back(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	say(&s, CHANGE_LEFT, 90);
	say(&s, CHANGE_MOVE, 90);
	say(&s, CHANGE_LEFT, 91);
	say(&s, CHANGE_MOVE, 91);
	say(&s, CHANGE_LEFT, 91);
	expect(&s, "2 4 5");
	end(&s);
}

static void folders_keep_their_last_registers(void **state)
{
	struct scene s = scene_of(true);

	(void)state;
	say(&s, CHANGE_FOLDER, 0);
	for (int i = 0; i < 2; i++) {
		say(&s, CHANGE_RENAME, 0);
		say(&s, CHANGE_SUBSCRIBE, 0);
		say(&s, CHANGE_IDENTITY, 0);
		say(&s, CHANGE_AUTHORITY, 0);
		say(&s, CHANGE_MERGE, 0);
	}
	say(&s, CHANGE_RENAME, 0)->folder.b[0] = 8;
	say(&s, CHANGE_DELETE, 0);
	say(&s, CHANGE_BEGIN, 0);
	say(&s, CHANGE_GAP, 0);
	expect(&s, "1 5 6 7 8 9 10 11 12 13 14 15");
	end(&s);
}

static void bare_names_are_subscribed_each_for_itself(void **state)
{
	struct scene s = scene_of(true);

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct change *c = say(&s, CHANGE_SUBSCRIBE, 0);

		c->folder = ID_ACCOUNT;
		c->path = i % 2 ? "A" : "B";
	}
	/* of a folder: the name does not matter */
	say(&s, CHANGE_SUBSCRIBE, 0);
	say(&s, CHANGE_SUBSCRIBE, 0)->path = "B";
	expect(&s, "3 4 6");
	end(&s);
}

static void the_greatest_uidnext_is_told(void **state)
{
	struct scene s = scene_of(true);

	(void)state;
	say(&s, CHANGE_IDENTITY, 0)->uidnext = 5;
	say(&s, CHANGE_IDENTITY, 0)->uidnext = 9;
	say(&s, CHANGE_IDENTITY, 0)->uidnext = 7;
	expect(&s, "2 3");
	end(&s);
}

/* A receiver may refuse one site's changes and take the other's. */
static void logs_do_not_overwrite_each_other(void **state)
{
	struct scene s = scene_of(false);

	(void)state;
	say_flags(&s, 90, "S", "", "", "");
	s.log.origin = 7;
	say_flags(&s, 90, "S", "", "", "");
	s.b.items[1].dot = s.b.items[0].dot;
	say(&s, CHANGE_EXPUNGE, 90);
	s.b.items[2].dot = s.b.items[0].dot;
	expect(&s, "1 3");
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fold_says_what_all_changes_say),
		cmocka_unit_test(nothing_folds_to_nothing),
		cmocka_unit_test(flags_keep_what_no_later_write_touched),
		cmocka_unit_test(flags_overwritten_altogether_disappear),
		cmocka_unit_test(the_later_stamp_wins_whatever_the_lsn),
		cmocka_unit_test(of_a_dead_message_only_the_expunge_is_told),
		cmocka_unit_test(a_message_lives_while_one_of_its_dots_lives),
		cmocka_unit_test(
			the_greatest_uid_is_told_though_its_message_is_dead),
		cmocka_unit_test(uid_extra_and_move_keep_the_last),
		cmocka_unit_test(
			moves_that_name_different_sources_are_all_told),
		cmocka_unit_test(left_is_told_unless_the_message_came_back),
		cmocka_unit_test(folders_keep_their_last_registers),
		cmocka_unit_test(bare_names_are_subscribed_each_for_itself),
		cmocka_unit_test(the_greatest_uidnext_is_told),
		cmocka_unit_test(logs_do_not_overwrite_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
