/*
 * Two sites in random histories, whose logs and words arrive in any order:
 * there is never a false alarm.
 */
#include "twostates.h"

/* ---- random histories ---- */

#define MAILS 40

struct mail {
	struct dot dot;
	size_t folder;
	uint64_t size; /* and with it the body */
	bool dead;
};

struct random {
	struct history h;
	struct mail mails[MAILS];
	size_t count;
	uint64_t seed;
};

static size_t below(struct random *r, size_t n)
{
	r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(r->seed >> 33) % n;
}

static void copy_or_move(struct random *r, struct mail *m, bool moves)
{
	size_t to = (m->folder + 1 + below(r, FOLDERS - 1)) % FOLDERS;
	struct change c = change_blank(moves ? CHANGE_MOVE : CHANGE_COPY);
	char base[32];

	snprintf(base, sizeof(base), "%llu.x", (unsigned long long)r->h.ms);
	c.base = base;
	c.size = m->size;
	c.mtime = 5;
	memset(c.hash.b, (int)m->size, sizeof(c.hash.b));
	c.uid = (uint32_t)r->h.logs[to].count + 1;
	if (moves)
		c.dot = m->dot;
	else
		c.source = m->dot;
	put(&r->h, to, &c);
	if (!moves) {
		if (r->count < MAILS)
			r->mails[r->count++] =
				(struct mail){c.dot, to, m->size, false};
		return;
	}
	struct change left = change_blank(CHANGE_LEFT);
	left.dot = m->dot;
	left.folder = folders[to];
	put(&r->h, m->folder, &left);
	m->folder = to;
}

static void expunge(struct random *r, struct mail *m)
{
	struct change c = change_blank(CHANGE_EXPUNGE);

	c.dot = m->dot;
	put(&r->h, m->folder, &c);
	m->dead = true;
}

static void something_happens(struct random *r)
{
	static const char *const letters[] = {"F", "S", "R", "FS"};
	struct mail *m = r->count ? &r->mails[below(r, r->count)] : NULL;
	size_t folder = below(r, FOLDERS);

	if (!m || m->dead || below(r, 6) == 0) {
		struct change c = save(&r->h, folder);

		if (r->count < MAILS)
			r->mails[r->count++] =
				(struct mail){c.dot, folder, c.size, false};
	} else if (below(r, 8) == 0) {
		expunge(r, m);
	} else if (below(r, 3) == 0) {
		copy_or_move(r, m, below(r, 2));
	} else if (below(r, 2)) {
		flag(&r->h, m->folder, &m->dot, letters[below(r, 4)], "");
	} else {
		flag(&r->h, m->folder, &m->dot, "", letters[below(r, 4)]);
	}
}

/*
 * Logs arrive one by one, in any order, as they are or folded, and words of
 * any age between them.
 */
static void random_history(uint64_t seed, uint64_t *ret_agreed)
{
	struct random r = {.seed = seed};
	struct site home = fresh(HOME), here = fresh(SELF);
	struct word words[8] = {{.vector = 0}};
	struct stated_result result;

	history_begin(&r.h);
	for (size_t step = 0; step < 120; step++) {
		size_t log = below(&r, FOLDERS + 1);
		struct word *w = &words[below(&r, 8)];

		something_happens(&r);
		if (below(&r, 3) == 0) {
			take_all(&home, &r.h);
			arena_free(&w->arena);
			*w = state_of(&home);
		}
		if (below(&r, 2)) {
			size_t most = r.h.logs[log].count;

			take(&here, &r.h, log, below(&r, most + 1),
				below(&r, 2));
		}
		if (below(&r, 9) == 0)
			for (size_t i = 0; i <= FOLDERS; i++) {
				size_t one = (log + i) % (FOLDERS + 1);

				take(&here, &r.h, one, r.h.logs[one].count,
					below(&r, 2));
			}
		hear(&here, &words[below(&r, 8)]);
		result = compare(&here);
		*ret_agreed += result.agreed;
		if (result.differing)
			fail_msg("seed %llu, step %zu: a false alarm",
				(unsigned long long)seed, step);
	}
	take_all(&home, &r.h);
	for (size_t i = FOLDERS + 1; i-- > 0;)
		take(&here, &r.h, i, r.h.logs[i].count, below(&r, 2));
	result = hear_of(&here, &home);
	assert_int_equal(result.agreed, FOLDERS);
	for (size_t i = 0; i < 8; i++)
		arena_free(&words[i].arena);
	history_free(&r.h);
	release(&home);
	release(&here);
}

static void there_is_never_a_false_alarm(void **state)
{
	uint64_t agreed = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		random_history(seed, &agreed);
	assert_true(agreed > 300); /* and it was looked for */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_never_a_false_alarm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
