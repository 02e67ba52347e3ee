/*
 * Random histories of four sites, two folders, messages that are flagged,
 * moved, numbered, joined and expunged, logs that are known in part and have
 * gaps; then two sites compare through state tables with any columns, and do
 * what they are told. They must come to what a site would have that had read
 * all that either has read, and never expunge what that site would keep.
 *
 * The model below knows nothing of rows, runs and tables: a site is what the
 * changes it has read make of each message.
 */
#include "changemaker.h"
#include "diff.h"
#include "err.h"
#include "flagset.h"
#include "keys.h"
#include "statetable.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SITES = 4, FOLDERS = 2, LOGS = SITES * FOLDERS };
enum { MESSAGES = 40, TWINS = 2, NAMES = 3, CHANGES = 400, GAPS = 20 };

static const char *const names[NAMES] = {"\\F", "\\S", "work"};
static const struct id128 folders[FOLDERS] = {{{1}}, {{2}}};
static const uint8_t seed[RIBLT_SEED_SIZE] = "sixteen bytes..";

/* ---- the model ---- */

enum op_kind { OP_SAVE, OP_EXPUNGE, OP_FLAG, OP_MOVE, OP_UID };

struct op {
	enum op_kind kind;
	int message, twin, folder, name;
	bool value;
	uint32_t uid;
	struct write_id by;
};

struct reg {
	uint32_t value;
	struct write_id by; /* lsn 0: never written */
};

struct message {
	enum known_dot dots[TWINS];
	struct reg place, flags[NAMES], uids[FOLDERS];
};

struct site {
	struct message messages[MESSAGES];
	size_t known[LOGS];
	struct lsn_run gaps[LOGS][GAPS];
	size_t gap_count[LOGS];
};

struct world {
	struct maker m;
	struct op ops[LOGS][CHANGES];
	size_t lengths[LOGS];
	struct dot born[MESSAGES][TWINS]; /* lsn 0: not */
	int count;
	uint32_t uidnext[FOLDERS];
	struct site sites[SITES];
};

static struct log_id log_id(size_t log)
{
	return (struct log_id){
		1 + log / FOLDERS, 50 + log / FOLDERS, folders[log % FOLDERS]};
}

static void put(struct reg *reg, uint32_t value, const struct write_id *by)
{
	if (by->lsn && (!reg->by.lsn || write_id_cmp(by, &reg->by) > 0))
		*reg = (struct reg){value, *by};
}

static void read_op(struct site *s, const struct op *op)
{
	struct message *m = &s->messages[op->message];

	switch (op->kind) {
	case OP_SAVE:
		if (m->dots[op->twin] == KNOWN_NOT)
			m->dots[op->twin] = KNOWN_ALIVE;
		put(&m->place, (uint32_t)op->folder, &op->by);
		break;
	case OP_EXPUNGE:
		m->dots[op->twin] = KNOWN_DEAD;
		break;
	case OP_FLAG:
		put(&m->flags[op->name], op->value, &op->by);
		break;
	case OP_MOVE:
		put(&m->place, (uint32_t)op->folder, &op->by);
		break;
	case OP_UID:
		put(&m->uids[op->folder], op->uid, &op->by);
		break;
	}
}

static bool is_alive(const struct message *m)
{
	return m->dots[0] == KNOWN_ALIVE || m->dots[1] == KNOWN_ALIVE;
}

/* What a site writes it has read. */
static void write_op(struct world *w, int site, int folder, struct op op)
{
	size_t log = (size_t)(site * FOLDERS + folder);

	if (w->lengths[log] == CHANGES)
		return;
	op.folder = folder;
	op.by.log = log_id(log);
	op.by.lsn = ++w->lengths[log];
	w->m.ms += maker_below(&w->m, 3);
	if (op.kind != OP_SAVE)
		op.by.stamp = STAMP_OF(w->m.ms - maker_below(&w->m, 5), 0);
	if (op.kind == OP_SAVE)
		w->born[op.message][op.twin] =
			(struct dot){op.by.log, op.by.lsn};
	w->ops[log][op.by.lsn - 1] = op;
	w->sites[site].known[log] = op.by.lsn;
	read_op(&w->sites[site], &op);
}

static void save(struct world *w, int site)
{
	int folder = (int)maker_below(&w->m, FOLDERS);
	struct op op = {.kind = OP_SAVE, .message = w->count};

	if (w->count == MESSAGES)
		return;
	w->count++;
	write_op(w, site, folder, op);
	if (maker_below(&w->m, 4) == 0) { /* both were seeded with it */
		op.twin = 1;
		write_op(w, (site + 1) % SITES, folder, op);
	}
}

static void act(struct world *w, int site, int message)
{
	struct message *m = &w->sites[site].messages[message];
	int folder = (int)m->place.value;
	struct op op = {.message = message};

	if (!is_alive(m))
		return;
	switch (maker_below(&w->m, 8)) {
	case 0:
		op.kind = OP_EXPUNGE;
		for (op.twin = 0; op.twin < TWINS; op.twin++) {
			if (m->dots[op.twin] == KNOWN_ALIVE)
				write_op(w, site, folder, op);
		}
		return;
	case 1:
		op.kind = OP_MOVE;
		write_op(w, site, 1 - folder, op);
		return;
	case 2:
	case 3:
		op.kind = OP_UID;
		op.uid = ++w->uidnext[folder];
		write_op(w, 0, folder, op); /* the authority */
		return;
	default:
		op.kind = OP_FLAG;
		op.name = (int)maker_below(&w->m, NAMES);
		op.value = maker_below(&w->m, 2);
		write_op(w, site, folder, op);
	}
}

/* Read on in a log; a part of it may be lost. */
static void read_log(struct world *w, int site, size_t log)
{
	struct site *s = &w->sites[site];
	size_t more = w->lengths[log] - s->known[log];
	size_t first = s->known[log] + 1, lost = 0;

	if (more == 0)
		return;
	more = 1 + maker_below(&w->m, more);
	if (maker_below(&w->m, 4) == 0 && s->gap_count[log] < GAPS)
		lost = 1 + maker_below(&w->m, more);
	if (lost) {
		struct lsn_run *gap = &s->gaps[log][s->gap_count[log]];

		if (s->gap_count[log] && gap[-1].last + 1 == first)
			gap[-1].last += lost;
		else
			s->gaps[log][s->gap_count[log]++] =
				(struct lsn_run){first, first + lost - 1};
	}
	for (size_t i = lost; i < more; i++)
		read_op(s, &w->ops[log][first + i - 1]);
	s->known[log] += more;
}

static void live(struct world *w)
{
	for (uint64_t i = 10 + maker_below(&w->m, 300); i > 0; i--) {
		int site = (int)maker_below(&w->m, SITES);
		size_t log = (size_t)maker_below(&w->m, LOGS);

		if (maker_below(&w->m, 6) == 0)
			save(w, site);
		else if (maker_below(&w->m, 2) && w->count)
			act(w, site,
				(int)maker_below(&w->m, (uint64_t)w->count));
		else
			read_log(w, site, log);
	}
}

/* What a is told of b's message, whole. */
static void tell_message(struct message *a, const struct message *b)
{
	for (int i = 0; i < TWINS; i++) {
		if (b->dots[i] == KNOWN_DEAD ||
			(b->dots[i] == KNOWN_ALIVE && a->dots[i] == KNOWN_NOT))
			a->dots[i] = b->dots[i];
	}
	put(&a->place, b->place.value, &b->place.by);
	for (int i = 0; i < NAMES; i++)
		put(&a->flags[i], b->flags[i].value, &b->flags[i].by);
	for (int i = 0; i < FOLDERS; i++)
		put(&a->uids[i], b->uids[i].value, &b->uids[i].by);
}

static void tell_expunges(struct message *a, const struct message *b)
{
	for (int i = 0; i < TWINS; i++) {
		if (b->dots[i] == KNOWN_DEAD)
			a->dots[i] = KNOWN_DEAD;
	}
}

/* ---- rows and tables of it ---- */

struct view {
	struct row rows[MESSAGES];
	size_t count;
	struct known_log logs[SITES];
	struct dot_run living[MESSAGES * TWINS], dead[MESSAGES * TWINS];
	struct known known;
	struct arena arena;
	size_t next; /* row to be read */
};

static int cmp_dot(const void *a, const void *b)
{
	return dot_cmp(a, b);
}

static void make_row(
	struct view *v, const struct world *w, const struct message *m, int id)
{
	struct row *row = &v->rows[v->count++];
	struct dot *dots = arena_alloc(&v->arena, TWINS * sizeof(*dots));
	struct row_write *writes =
		arena_alloc(&v->arena, NAMES * sizeof(*writes));
	struct buf scratch = BUF_INIT;
	uint8_t value[KEYS_VALUE_SIZE];
	char letters[3] = "";

	*row = (struct row){.id = id,
		.uid = m->uids[m->place.value].value,
		.dots = dots,
		.writes = writes,
		.base = "",
		.extra = "",
		.place_stamp = m->place.by.stamp};
	for (int i = 0; i < TWINS; i++) {
		if (m->dots[i] == KNOWN_ALIVE)
			dots[row->dot_count++] = w->born[id][i];
	}
	qsort(dots, row->dot_count, sizeof(*dots), cmp_dot);
	for (int i = 0; i < NAMES; i++) {
		const struct reg *flag = &m->flags[i];

		if (!flag->by.lsn)
			continue;
		writes[row->write_count++] =
			(struct row_write){names[i], flag->value, flag->by};
		if (flag->value && i < 2)
			letters[strlen(letters)] = names[i][1];
	}
	row->flags.letters = arena_dup(&v->arena, letters, strlen(letters));
	row->flags.keywords = m->flags[2].value ? names[2] : "";
	keys_exact(row, &scratch, value);
	row->exact = keys_key(seed, value);
	buf_free(&scratch);
}

static int cmp_by_uid(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid && (!y->uid || x->uid < y->uid) ? -1 : 1;
	return dot_cmp(x->dots, y->dots);
}

static int cmp_by_dot(const void *a, const void *b)
{
	return dot_cmp(
		((const struct row *)a)->dots, ((const struct row *)b)->dots);
}

/* Runs of one lsn each would do; the longest are better. */
static size_t make_runs(const struct world *w, const struct site *s,
	size_t folder, enum known_dot what, struct dot_run *ret)
{
	size_t n = 0;

	for (size_t log = 0; log < SITES; log++) {
		size_t at = log * FOLDERS + folder;

		for (uint64_t lsn = 1; lsn <= w->lengths[at]; lsn++) {
			const struct op *op = &w->ops[at][lsn - 1];

			if (op->kind != OP_SAVE ||
				s->messages[op->message].dots[op->twin] != what)
				continue;
			if (n && ret[n - 1].log == log &&
				ret[n - 1].last + 1 == lsn)
				ret[n - 1].last++;
			else
				ret[n++] = (struct dot_run){log, lsn, lsn};
		}
	}
	return n;
}

static void make_view(struct view *v, const struct world *w,
	const struct site *s, size_t folder, unsigned columns)
{
	*v = (struct view){0};
	for (int i = 0; i < w->count; i++) {
		const struct message *m = &s->messages[i];

		if (is_alive(m) && m->place.value == folder)
			make_row(v, w, m, i);
	}
	qsort(v->rows, v->count, sizeof(*v->rows),
		columns & STATETABLE_UID ? cmp_by_uid : cmp_by_dot);
	for (size_t i = 0; i < SITES; i++) {
		size_t log = i * FOLDERS + folder;

		v->logs[i] = (struct known_log){
			.at = {.log = log_id(log), .lsn = s->known[log]},
			.gaps = s->gaps[log],
			.gap_count = s->gap_count[log]};
	}
	v->known = (struct known){.logs = v->logs,
		.log_count = SITES,
		.living = v->living,
		.living_count = make_runs(w, s, folder, KNOWN_ALIVE, v->living),
		.dead = v->dead,
		.dead_count = make_runs(w, s, folder, KNOWN_DEAD, v->dead)};
}

static struct statetable *make_table(const struct view *v, unsigned columns)
{
	struct statetable_header h = {
		.columns = columns, .rows = v->count, .known = v->known};
	struct statetable_writer *w;
	struct statetable *t;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	if (!(columns & STATETABLE_LIVING))
		h.known.living_count = 0;
	w = statetable_begin(&h);
	for (size_t i = 0; i < v->count; i++)
		assert_int_equal(statetable_add(w, &v->rows[i], &err), 0);
	assert_int_equal(statetable_end(w, &b, &err), 0);
	statetable_drop(w);
	if (statetable_open(b.data, b.len, &t, &err) < 0)
		fail_msg("%s", err.text);
	buf_free(&b);
	return t;
}

static int next_of_view(void *arg, struct row *ret, struct err *err)
{
	struct view *v = arg;

	(void)err;
	if (v->next == v->count)
		return 0;
	*ret = v->rows[v->next++];
	return 1;
}

static int next_of_table(void *arg, struct row *ret, struct err *err)
{
	(void)err;
	return statetable_next(arg, ret);
}

/* ---- comparing, and doing what it says ---- */

struct comparing {
	struct world *w;
	struct site *here, *there, *both;
	struct site stated; /* what there was when the table was made */
	size_t folder;
	size_t steps; /* what was done */
};

/* A message there, by what its row says: a UID or a dot. */
static int find_theirs(const struct comparing *c, const struct row *row)
{
	for (int i = 0; i < c->w->count; i++) {
		const struct message *m = &c->stated.messages[i];

		if (row->uid && is_alive(m) && m->place.value == c->folder &&
			m->uids[c->folder].value == row->uid)
			return i;
		for (int k = 0; k < TWINS; k++) {
			for (size_t n = 0; n < row->dot_count; n++) {
				if (dot_cmp(&row->dots[n], &c->w->born[i][k]) ==
					0)
					return i;
			}
		}
	}
	fail_msg("a row of no message");
	return -1;
}

static void ask(struct comparing *c, int message)
{
	tell_message(&c->here->messages[message], &c->there->messages[message]);
}

/* They answer with what they know to be dead. */
static void send(struct comparing *c, int message)
{
	tell_message(&c->there->messages[message], &c->here->messages[message]);
	tell_expunges(
		&c->here->messages[message], &c->there->messages[message]);
}

static void take_writes(
	struct comparing *c, int message, const struct row *theirs)
{
	for (size_t i = 0; i < theirs->write_count; i++) {
		for (int k = 0; k < NAMES; k++) {
			if (strcmp(names[k], theirs->writes[i].name) == 0)
				put(&c->here->messages[message].flags[k],
					theirs->writes[i].value,
					&theirs->writes[i].by);
		}
	}
}

static bool is_dead_or_not_in(const struct comparing *c, int message, int twin,
	const struct diff_row *row)
{
	for (size_t i = 0; i < row->theirs->dot_count; i++) {
		if (dot_cmp(&row->theirs->dots[i],
			    &c->w->born[message][twin]) == 0)
			return c->both->messages[message].dots[twin] ==
			       KNOWN_DEAD;
	}
	return true;
}

static int do_row(void *arg, const struct diff_row *row, struct err *err)
{
	struct comparing *c = arg;
	int message =
		row->mine ? (int)row->mine->id : find_theirs(c, row->theirs);

	(void)err;
	c->steps++;
	assert_true(row->verdicts || row->take);
	assert_false(row->verdicts & DIFF_DEAD);
	if (row->mine && row->theirs)
		assert_int_equal(find_theirs(c, row->theirs), message);
	if (row->verdicts & DIFF_TELL) {
		for (int i = 0; i < TWINS; i++)
			assert_true(is_dead_or_not_in(c, message, i, row));
		tell_expunges(&c->there->messages[message],
			&c->here->messages[message]);
	}
	if (row->take)
		take_writes(c, message, row->theirs);
	if (row->verdicts & (DIFF_ASK | DIFF_UNSURE))
		ask(c, message);
	if (row->verdicts & (DIFF_SEND | DIFF_UNSURE))
		send(c, message);
	return 0;
}

static void do_dot(
	struct comparing *c, const struct diff_run *run, int message, int twin)
{
	enum known_dot *here = &c->here->messages[message].dots[twin];
	enum known_dot *there = &c->there->messages[message].dots[twin];
	enum known_dot both = c->both->messages[message].dots[twin];

	c->steps++;
	switch (run->verdict) {
	case DIFF_DEAD:
		assert_int_equal(both, KNOWN_DEAD);
		*here = KNOWN_DEAD;
		break;
	case DIFF_TELL:
		assert_int_equal(both, KNOWN_DEAD);
		*there = KNOWN_DEAD;
		break;
	case DIFF_ASK:
		ask(c, message);
		break;
	default:
		assert_int_equal(run->verdict, DIFF_SEND);
		send(c, message);
	}
}

/* The verdict must be of a dot that is alive on its side now. */
static void do_runs(struct comparing *c, const struct diff_runs *runs)
{
	for (int i = 0; i < c->w->count; i++) {
		for (int k = 0; k < TWINS; k++) {
			const struct dot *dot = &c->w->born[i][k];

			for (size_t n = 0; n < runs->count; n++) {
				const struct diff_run *run = &runs->items[n];

				if (dot->lsn >= run->first &&
					dot->lsn <= run->last &&
					log_id_cmp(&dot->log, &run->log) == 0)
					do_dot(c, run, i, k);
			}
		}
	}
}

/* Every lsn of a run is a living dot of the side that it speaks of. */
static void check_runs(const struct view *mine, const struct view *theirs,
	const struct diff_runs *runs)
{
	for (size_t i = 0; i < runs->count; i++) {
		const struct diff_run *run = &runs->items[i];
		bool ours = run->verdict & (DIFF_DEAD | DIFF_SEND);

		for (uint64_t lsn = run->first; lsn <= run->last; lsn++) {
			struct dot dot = {run->log, lsn};

			assert_int_equal(
				known_dot(ours ? &mine->known : &theirs->known,
					&dot),
				KNOWN_ALIVE);
		}
	}
}

static void compare_folder(struct comparing *c, size_t folder, unsigned columns)
{
	AUTO_FREE struct view *mine = mem_alloc(sizeof(*mine));
	AUTO_FREE struct view *theirs = mem_alloc(sizeof(*theirs));
	struct diff_runs runs = {0};
	struct statetable *t;
	struct err err = ERR_INIT;

	c->folder = folder;
	c->stated = *c->there;
	make_view(mine, c->w, c->here, folder, columns);
	make_view(theirs, c->w, c->there, folder, columns);
	t = make_table(theirs, columns);
	struct diff_side here = {
		{next_of_view, mine}, &mine->known, STATETABLE_ALL};
	struct diff_side there = {
		{next_of_table, t}, &statetable_header(t)->known, columns};

	if (columns & STATETABLE_LIVING) {
		diff_dots(&mine->known, &statetable_header(t)->known, &runs);
		check_runs(mine, theirs, &runs);
	}
	assert_int_equal(diff_rows(&here, &there, do_row, c, &err), 0);
	do_runs(c, &runs);
	diff_runs_free(&runs);
	statetable_free(t);
	arena_free(&mine->arena);
	arena_free(&theirs->arena);
}

/* ---- what must come of it ---- */

static void same_reg(const struct reg *a, const struct reg *b)
{
	assert_int_equal(a->value, b->value);
	assert_int_equal(write_id_cmp(&a->by, &b->by), 0);
}

static void same_message(
	const struct message *m, const struct message *all, unsigned columns)
{
	uint32_t place = all->place.value;

	assert_int_equal(is_alive(m), is_alive(all));
	if (!is_alive(all))
		return;
	for (int i = 0; columns & (STATETABLE_LIVING | STATETABLE_EXACT |
					  STATETABLE_DOTS) &&
			i < TWINS;
		i++)
		assert_int_equal(
			m->dots[i] == KNOWN_ALIVE, all->dots[i] == KNOWN_ALIVE);
	assert_int_equal(m->place.value, place);
	if (columns & STATETABLE_EXACT)
		assert_int_equal(m->place.by.stamp, all->place.by.stamp);
	if (columns & (STATETABLE_UID | STATETABLE_EXACT))
		assert_int_equal(m->uids[place].value, all->uids[place].value);
	for (int i = 0; i < NAMES; i++) {
		if (columns & (STATETABLE_WRITES | STATETABLE_EXACT))
			same_reg(&m->flags[i], &all->flags[i]);
		else if (columns & STATETABLE_FLAGS)
			assert_int_equal(
				m->flags[i].value, all->flags[i].value);
	}
}

/* All that either has read. */
static void read_both(struct world *w, const struct site *a,
	const struct site *b, struct site *ret)
{
	*ret = *a;
	for (int i = 0; i < w->count; i++)
		tell_message(&ret->messages[i], &b->messages[i]);
}

static size_t compare_sites(uint64_t run, unsigned columns)
{
	AUTO_FREE struct world *w = mem_alloc(sizeof(*w));
	AUTO_FREE struct site *both = mem_alloc(sizeof(*both));
	AUTO_FREE struct comparing *c = mem_alloc(sizeof(*c));
	size_t rounds = 0, before;

	c->w = w;
	c->both = both;
	w->m = (struct maker){.state = run, .ms = 1000};
	live(w);
	c->here = &w->sites[maker_below(&w->m, 2)];
	c->there = &w->sites[2 + maker_below(&w->m, 2)];
	read_both(w, c->here, c->there, both);
	do {
		struct site *other = c->there;
		size_t first = (size_t)maker_below(&w->m, 2);

		before = c->steps;
		compare_folder(c, first, columns);
		compare_folder(c, 1 - first, columns);
		c->there = c->here; /* the other way next */
		c->here = other;
	} while (c->steps > before && ++rounds < 8);
	assert_true(rounds < 5);
	for (int i = 0; i < w->count; i++) {
		same_message(
			&c->here->messages[i], &both->messages[i], columns);
		same_message(
			&c->there->messages[i], &both->messages[i], columns);
	}
	return c->steps;
}

static void both_come_to_what_either_has_read(void **state)
{
	/* enough of the columns to see that something is to be done */
	static const unsigned columns[] = {
		STATETABLE_UID | STATETABLE_FLAGS,
		STATETABLE_UID | STATETABLE_FLAGS | STATETABLE_LIVING,
		STATETABLE_UID | STATETABLE_FLAGS | STATETABLE_DOTS,
		STATETABLE_UID | STATETABLE_WRITES | STATETABLE_LIVING,
		STATETABLE_FLAGS | STATETABLE_LIVING,
		STATETABLE_DOTS | STATETABLE_WRITES,
		STATETABLE_UID | STATETABLE_EXACT,
		STATETABLE_UID | STATETABLE_EXACT | STATETABLE_WRITES |
			STATETABLE_LIVING,
		STATETABLE_EXACT,
		STATETABLE_UID,
		0,
		STATETABLE_ALL - STATETABLE_DEAD - STATETABLE_CONTENT,
	};
	size_t steps = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		for (uint64_t run = 0; run < 80; run++)
			steps += compare_sites(1000 * i + run, columns[i]);
	}
	print_message("%zu verdicts\n", steps);
	assert_true(steps > 8000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_come_to_what_either_has_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
