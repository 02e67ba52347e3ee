/*
 * fold_dead: which messages die within the changes that are folded.
 *
 * A message has the dots that MOVEs, of whatever log, name as one; they are
 * joined into sets (union-find). By what one log says a message is dead when
 * that log expunges every dot of its set.
 */
#include "fold_dead.h"

#include <stdlib.h>

struct fold_dot {
	const struct dot *dot;
	size_t parent; /* towards the set's root; its own index at the root */
	size_t size;   /* at a root: dots in the set */
};

/* A log expunged `count` dots of the set with this root. */
struct fold_death {
	const struct log_id *log;
	size_t root;
	size_t dot; /* while they are counted */
	size_t count;
};

static bool names_two(const struct change *c)
{
	return c->kind == CHANGE_MOVE && c->source.lsn != 0;
}

static int by_dot(const void *a, const void *b)
{
	const struct fold_dot *x = a, *y = b;

	return dot_cmp(x->dot, y->dot);
}

static int by_log_and_root(const void *a, const void *b)
{
	const struct fold_death *x = a, *y = b;
	int c = log_id_cmp(x->log, y->log);

	return c ? c : (x->root > y->root) - (x->root < y->root);
}

static int by_log_root_and_dot(const void *a, const void *b)
{
	const struct fold_death *x = a, *y = b;
	int c = by_log_and_root(a, b);

	return c ? c : (x->dot > y->dot) - (x->dot < y->dot);
}

/* The root of a dot's set. Returns false for a dot nobody spoke of. */
static bool find_root(
	const struct fold_dead_set *set, const struct dot *dot, size_t *ret)
{
	struct fold_dot key = {.dot = dot};
	struct fold_dot *found =
		bsearch(&key, set->dots, set->dot_count, sizeof(key), by_dot);
	size_t at;

	if (!found)
		return false;
	at = (size_t)(found - set->dots);
	while (set->dots[at].parent != at) {
		/* halve the way for those who come after */
		set->dots[at].parent = set->dots[set->dots[at].parent].parent;
		at = set->dots[at].parent;
	}
	*ret = at;
	return true;
}

static void add_dot(struct fold_dead_set *set, const struct dot *dot)
{
	set->dots[set->dot_count++] = (struct fold_dot){.dot = dot};
}

/* Dots that matter, sorted, each once and a set of its own. */
static void collect_dots(
	struct fold_dead_set *set, const struct change *items, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (items[i].kind == CHANGE_EXPUNGE || names_two(&items[i]))
			add_dot(set, &items[i].dot);
		if (names_two(&items[i]))
			add_dot(set, &items[i].source);
	}
	qsort(set->dots, set->dot_count, sizeof(*set->dots), by_dot);
	for (size_t i = 0; i < set->dot_count; i++) {
		if (n && by_dot(&set->dots[n - 1], &set->dots[i]) == 0)
			continue;
		set->dots[n] = (struct fold_dot){
			.dot = set->dots[i].dot, .parent = n, .size = 1};
		n++;
	}
	set->dot_count = n;
}

static void join(struct fold_dead_set *set, const struct change *move)
{
	size_t a, b;

	if (!find_root(set, &move->dot, &a) ||
		!find_root(set, &move->source, &b) || a == b)
		return;
	set->dots[a].parent = b;
	set->dots[b].size += set->dots[a].size;
}

/* One entry for each log and set, with the number of dots it expunged. */
static void count_deaths(
	struct fold_dead_set *set, const struct change *items, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct fold_dot key = {.dot = &items[i].dot}, *found;
		struct fold_death *death = &set->deaths[set->death_count];

		if (items[i].kind != CHANGE_EXPUNGE)
			continue;
		found = bsearch(
			&key, set->dots, set->dot_count, sizeof(key), by_dot);
		*death = (struct fold_death){.log = &items[i].by.log,
			.dot = (size_t)(found - set->dots),
			.count = 1};
		if (find_root(set, &items[i].dot, &death->root))
			set->death_count++;
	}
	qsort(set->deaths, set->death_count, sizeof(*set->deaths),
		by_log_root_and_dot);
	for (size_t i = 0; i < set->death_count; i++) {
		struct fold_death *last = n ? &set->deaths[n - 1] : NULL;
		struct fold_death *death = &set->deaths[i];

		if (!last || by_log_and_root(last, death) != 0) {
			set->deaths[n++] = *death;
		} else if (last->dot != death->dot) {
			last->dot = death->dot;
			last->count++;
		}
	}
	set->death_count = n;
}

void fold_dead_find(
	const struct change *items, size_t count, struct fold_dead_set *ret)
{
	size_t expunges = 0, moves = 0;

	for (size_t i = 0; i < count; i++) {
		expunges += items[i].kind == CHANGE_EXPUNGE;
		moves += names_two(&items[i]);
	}
	*ret = (struct fold_dead_set){
		.dots = mem_array(expunges + 2 * moves, sizeof(*ret->dots)),
		.deaths = mem_array(expunges + 1, sizeof(*ret->deaths))};
	if (expunges == 0)
		return;
	collect_dots(ret, items, count);
	for (size_t i = 0; i < count; i++) {
		if (names_two(&items[i]))
			join(ret, &items[i]);
	}
	count_deaths(ret, items, count);
}

void fold_dead_free(struct fold_dead_set *set)
{
	free(set->dots);
	free(set->deaths);
	*set = (struct fold_dead_set){0};
}

/* What a log has expunged of the message of dot; NULL if nothing. */
static struct fold_death *find_death(const struct fold_dead_set *set,
	const struct log_id *log, const struct dot *dot)
{
	struct fold_death key = {.log = log};

	if (!find_root(set, dot, &key.root))
		return NULL;
	return bsearch(&key, set->deaths, set->death_count, sizeof(key),
		by_log_and_root);
}

bool fold_dead_has(const struct fold_dead_set *set, const struct log_id *log,
	const struct dot *dot)
{
	const struct fold_death *death = find_death(set, log, dot);

	return death && death->count == set->dots[death->root].size;
}

void fold_dead_spare(struct fold_dead_set *set, const struct log_id *log,
	const struct dot *dot)
{
	struct fold_death *death = find_death(set, log, dot);

	if (death)
		death->count = 0;
}
