/*
 * What peers state of folders: compared at one vector, and at no other; and
 * the gaps that come of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "change.h"
#include "err.h"
#include "fold.h"
#include "hash.h"
#include "simdisk.h"
#include "stated.h"

#define HOME 2u /* whose changes they are */
#define SELF 1u
#define INCARNATION 77u
#define FOLDERS 3
#define NOW 1795303760123
#define LATER 1795303999000

static const struct id128 folders[FOLDERS] = {
	{{'I', 'N', 'B', 'O', 'X'}}, {{3}}, {{'J'}}};

/* A site: its state, on a disk of its own. */
struct site {
	struct simdisk *disk;
	struct replica *r;
};

static struct site fresh(uint64_t origin)
{
	struct site s = {.disk = simdisk_new(origin)};
	struct err err = ERR_INIT;

	if (replica_open(simdisk_os(s.disk), "/state.db", "a", origin, true,
		    &s.r, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static void release(struct site *s)
{
	replica_close(s->r);
	simdisk_free(s->disk);
}

static void done(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

/* ---- changes of one site, in several logs ---- */

struct history {
	struct change_batch logs[FOLDERS + 1]; /* the last: the account's */
	uint64_t ms;
};

static struct log_id log_id_of(size_t log)
{
	return (struct log_id){
		HOME, INCARNATION, log == FOLDERS ? ID_ACCOUNT : folders[log]};
}

static struct change blank(enum change_kind kind)
{
	return (struct change){.kind = kind,
		.base = "",
		.extra = "",
		.path = "",
		.reason = "",
		.add = {"", ""},
		.del = {"", ""}};
}

/* Give a change its place in a log. */
static struct change *put(struct history *h, size_t log, struct change *c)
{
	c->by.log = log_id_of(log);
	c->by.lsn = h->logs[log].count + 1;
	c->by.stamp = ++h->ms << 16;
	if (c->kind == CHANGE_SAVE || c->kind == CHANGE_COPY)
		c->dot = (struct dot){c->by.log, c->by.lsn};
	if (change_check(c, NULL) < 0)
		fail_msg("a change of kind %d is none", (int)c->kind);
	change_copy(&h->logs[log], c);
	return c;
}

static void history_begin(struct history *h)
{
	*h = (struct history){.ms = NOW};
	for (size_t i = 0; i < FOLDERS; i++) {
		struct change c = blank(CHANGE_AUTHORITY);

		c.folder = folders[i];
		c.term = 1;
		c.site = HOME;
		put(h, FOLDERS, &c);
	}
}

static void history_free(struct history *h)
{
	for (size_t i = 0; i <= FOLDERS; i++)
		change_batch_free(&h->logs[i]);
}

static struct change save(struct history *h, size_t folder)
{
	struct change c = blank(CHANGE_SAVE);
	char base[32];

	snprintf(base, sizeof(base), "%llu.x", (unsigned long long)h->ms);
	c.base = base;
	c.size = h->ms;
	c.mtime = 5;
	c.uid = (uint32_t)h->logs[folder].count + 1;
	memset(c.hash.b, (int)h->ms, sizeof(c.hash.b));
	put(h, folder, &c);
	c.base = "";
	return c;
}

static void flag(struct history *h, size_t folder, const struct dot *dot,
	const char *add, const char *del)
{
	struct change c = blank(CHANGE_FLAGS);

	c.dot = *dot;
	c.add.letters = add;
	c.del.letters = del;
	put(h, folder, &c);
}

/*
 * Let a site know a log up to lsn, as a parcel's section does. folded: as one
 * that begins where the site stands.
 */
static void take(struct site *s, const struct history *h, size_t log,
	uint64_t lsn, bool folded)
{
	struct log_id id = log_id_of(log);
	struct change_batch batch = {0};
	struct replica_log known;
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(replica_log_get(s->r, &id, true, &known, &err), &err);
	if (lsn > known.known.lsn) {
		const struct change *from =
			h->logs[log].items + known.known.lsn;
		size_t count = (size_t)(lsn - known.known.lsn);

		if (folded)
			fold_changes(from, count, FOLD_DROP_DEAD, &batch);
		for (size_t i = 0; i < (folded ? batch.count : count); i++)
			done(replica_apply(s->r,
				     folded ? &batch.items[i] : &from[i], &err),
				&err);
		known.known.lsn = lsn;
		done(replica_log_set(s->r, &known, &err), &err);
	}
	done(replica_commit(s->r, &err), &err);
	change_batch_free(&batch);
}

static void take_all(struct site *s, const struct history *h)
{
	for (size_t i = 0; i <= FOLDERS; i++) {
		size_t log = (i + FOLDERS) % (FOLDERS + 1);

		take(s, h, log, h->logs[log].count, false);
	}
}

/* ---- statements ---- */

struct word {
	uint64_t vector;
	struct stated *folders;
	size_t count;
	struct arena arena;
};

static struct word state_of(struct site *s)
{
	struct word w = {.vector = 0};
	struct err err = ERR_INIT;

	done(stated_now(s->r, &w.arena, &w.vector, &w.folders, &w.count, &err),
		&err);
	return w;
}

static struct stated_result compare_at(struct site *s, int64_t now_ms)
{
	struct stated_result result;
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(stated_compare(s->r, now_ms, &result, &err), &err);
	done(replica_commit(s->r, &err), &err);
	return result;
}

static struct stated_result compare(struct site *s)
{
	return compare_at(s, NOW);
}

static void hear(struct site *s, const struct word *w)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(stated_hear(
		     s->r, HOME, w->vector, w->folders, w->count, NOW, &err),
		&err);
	done(replica_commit(s->r, &err), &err);
}

static struct stated_result hear_of(struct site *s, struct site *home)
{
	struct word w = state_of(home);

	hear(s, &w);
	arena_free(&w.arena);
	return compare(s);
}

static size_t owed(struct site *s, enum stated_owed *ret_most)
{
	AUTO_ARENA struct arena arena = {0};
	struct id128 *ids;
	struct err err = ERR_INIT;
	size_t count;

	done(stated_owed(s->r, HOME, &arena, &ids, &count, ret_most, &err),
		&err);
	return count;
}

/* Behind the back of everything that keeps sums. */
static void edit(struct site *s, const char *text)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	assert_int_equal(sqlite3_exec(replica_db(s->r), text, NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_changes(replica_db(s->r)), 1);
	done(replica_commit(s->r, &err), &err);
}

static struct gap *gaps_of(struct site *s, struct arena *arena, size_t count)
{
	static const uint64_t peers[] = {HOME};
	struct err err = ERR_INIT;
	struct gap *gaps;
	size_t found;

	done(gap_list(s->r, peers, 1, arena, &gaps, &found, &err), &err);
	assert_int_equal(found, count);
	return gaps;
}

static void accept_only_gap(struct site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct gap *gap = gaps_of(s, &arena, 1);

	done(replica_begin(s->r, &err), &err);
	done(gap_accept(s->r, gap, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

/* ---- tests ---- */

struct scene {
	struct site home, here;
	struct history h;
	struct dot dot; /* of a mail in INBOX */
};

static void scene_begin(struct scene *s)
{
	s->home = fresh(HOME);
	s->here = fresh(SELF);
	history_begin(&s->h);
	s->dot = save(&s->h, 0).dot;
	save(&s->h, 0);
	flag(&s->h, 0, &s->dot, "S", "");
	save(&s->h, 1);
	take_all(&s->home, &s->h);
	take_all(&s->here, &s->h);
}

static void scene_end(struct scene *s)
{
	history_free(&s->h);
	release(&s->home);
	release(&s->here);
}

static void flag_everywhere(struct scene *s, const char *add, const char *del)
{
	flag(&s->h, 0, &s->dot, add, del);
	take_all(&s->home, &s->h);
	take_all(&s->here, &s->h);
}

static void sites_that_know_the_same_agree(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	enum stated_owed most;
	struct scene s;

	(void)state;
	scene_begin(&s);
	struct stated_result result = hear_of(&s.here, &s.home);
	assert_int_equal(result.agreed, 2);
	assert_int_equal(result.differing, 0);
	gaps_of(&s.here, &arena, 0);
	assert_int_equal(owed(&s.here, &most), 0);
	scene_end(&s);
}

static void a_wrong_register_is_found_with_the_next_change_of_it(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene s;

	(void)state;
	scene_begin(&s);
	edit(&s.here, "UPDATE flag SET by_stamp = by_stamp - 65536");
	flag_everywhere(&s, "F", "");
	struct stated_result result = hear_of(&s.here, &s.home);
	assert_int_equal(result.differing, 1);
	assert_int_equal(result.agreed, 1); /* the other folder */
	struct gap *gap = gaps_of(&s.here, &arena, 1);
	assert_int_equal(gap->kind, GAP_DIFFERS);
	assert_memory_equal(&gap->folder, &folders[0], 16);
	assert_int_equal(gap->peer, HOME);
	assert_int_equal(gap->since_ms, NOW);
	assert_int_equal(gap->ours.messages, 2);
	assert_int_equal(gap->theirs.messages, 2);
	assert_true(gap->ours.digest != gap->theirs.digest);
	scene_end(&s);
}

/* The mail of folder 1 gets another date behind our back. */
static void spoil(struct scene *s)
{
	edit(&s->here, "UPDATE message SET mtime = 6 WHERE id = 3");
	flag(&s->h, 1, &(struct dot){log_id_of(1), 1}, "F", "");
	take_all(&s->home, &s->h);
	take_all(&s->here, &s->h);
}

static void one_more_mail(struct scene *s)
{
	save(&s->h, 1);
	take_all(&s->home, &s->h);
	take_all(&s->here, &s->h);
}

static void a_known_difference_is_not_found_again_and_keeps_its_age(
	void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene s;

	(void)state;
	scene_begin(&s);
	spoil(&s);
	assert_int_equal(hear_of(&s.here, &s.home).differing, 1);
	for (int i = 0; i < 3; i++) {
		one_more_mail(&s);
		struct word w = state_of(&s.home);

		hear(&s.here, &w);
		arena_free(&w.arena);
		assert_int_equal(compare_at(&s.here, LATER).differing, 0);
	}
	struct gap *gap = gaps_of(&s.here, &arena, 1);
	assert_int_equal(gap->since_ms, NOW);
	assert_int_equal(gap->ours.messages, 4);
	scene_end(&s);
}

static void a_difference_is_over_when_the_two_are_equal(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene s;

	(void)state;
	scene_begin(&s);
	spoil(&s);
	hear_of(&s.here, &s.home);
	gaps_of(&s.here, &arena, 1);
	/* As a comparison would leave it: the peer's sums. */
	struct word w = state_of(&s.home);
	AUTO_BUF struct buf text = BUF_INIT;
	char hex[33];
	uint8_t digest[16];
	uint64_t messages;
	uint32_t uidnext;

	assert_int_equal(replica_folder_sums(s.home.r, &folders[1], &messages,
				 &uidnext, digest, NULL),
		0);
	hex_encode(digest, sizeof(digest), hex);
	buf_printf(&text,
		"UPDATE folder SET digest = x'%s' WHERE fid = x'03"
		"000000000000000000000000000000'",
		hex);
	edit(&s.here, buf_str(&text));
	hear(&s.here, &w);
	arena_free(&w.arena);
	assert_int_equal(compare(&s.here).agreed, 2);
	gaps_of(&s.here, &arena, 0);
	scene_end(&s);
}

static void an_accepted_difference_is_told_again_only_if_it_is_another(
	void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene s;

	(void)state;
	scene_begin(&s);
	spoil(&s);
	hear_of(&s.here, &s.home);
	accept_only_gap(&s.here);
	gaps_of(&s.here, &arena, 0);
	one_more_mail(&s);
	assert_int_equal(hear_of(&s.here, &s.home).differing, 0);
	gaps_of(&s.here, &arena, 0);
	edit(&s.here, "UPDATE message SET mtime = 7 WHERE id = 4");
	flag(&s.h, 1, &(struct dot){log_id_of(1), 3}, "F", "");
	take_all(&s.home, &s.h);
	take_all(&s.here, &s.h);
	struct word w = state_of(&s.home);
	hear(&s.here, &w);
	arena_free(&w.arena);
	assert_int_equal(compare_at(&s.here, LATER).differing, 1);
	assert_int_equal(gaps_of(&s.here, &arena, 1)->since_ms, LATER);
	scene_end(&s);
}

static void nothing_follows_at_another_vector(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	enum stated_owed most;
	struct scene s;

	(void)state;
	scene_begin(&s);
	/* The peer knows more, in another folder. */
	flag(&s.h, 1, &(struct dot){log_id_of(1), 1}, "F", "");
	edit(&s.here, "UPDATE message SET mtime = 6 WHERE id = 1");
	flag(&s.h, 0, &s.dot, "T", "");
	take_all(&s.home, &s.h);
	take(&s.here, &s.h, 0, s.h.logs[0].count, false);
	struct stated_result result = hear_of(&s.here, &s.home);
	assert_int_equal(result.agreed + result.differing, 0);
	gaps_of(&s.here, &arena, 0);
	assert_int_equal(owed(&s.here, &most), 2);
	assert_int_equal(most, STATED_ALONG);
	/* The same word, when we know as much. */
	take_all(&s.here, &s.h);
	result = compare(&s.here);
	assert_int_equal(result.agreed, 1);
	assert_int_equal(result.differing, 1);
	assert_int_equal(owed(&s.here, &most), 1);
	scene_end(&s);
}

static void nothing_follows_where_we_logged_something_ourselves(void **state)
{
	struct log_id ours = {SELF, 5, folders[1]};
	struct change c = blank(CHANGE_FLAGS);
	struct err err = ERR_INIT;
	struct replica_log log;
	struct scene s;

	(void)state;
	scene_begin(&s);
	done(replica_begin(s.here.r, &err), &err);
	done(replica_log_get(s.here.r, &ours, true, &log, &err), &err);
	c.by = (struct write_id){(NOW + 50) << 16, ours, 1};
	c.dot = s.dot;
	c.add.letters = "F";
	done(replica_apply(s.here.r, &c, &err), &err);
	log.known.lsn = 1;
	done(replica_log_set(s.here.r, &log, &err), &err);
	done(replica_commit(s.here.r, &err), &err);
	struct stated_result result = hear_of(&s.here, &s.home);
	assert_int_equal(result.agreed + result.differing, 0);
	scene_end(&s);
}

static void whose_uids_count_is_part_of_the_vector(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	edit(&s.here, "UPDATE folder SET auth_term = 2 WHERE id = 1");
	struct stated_result result = hear_of(&s.here, &s.home);
	assert_int_equal(result.agreed + result.differing, 0);
	scene_end(&s);
}

static void what_is_owed_is_owed_until_it_is_told(void **state)
{
	struct stated told = {.folder = folders[1]};
	enum stated_owed most;
	struct err err = ERR_INIT;
	struct scene s;

	(void)state;
	scene_begin(&s);
	done(replica_begin(s.here.r, &err), &err);
	for (size_t i = 0; i < 2; i++)
		done(stated_owe(
			     s.here.r, HOME, &folders[i], STATED_ALONE, &err),
			&err);
	done(stated_owe(s.here.r, HOME, &folders[0], STATED_ALONG, &err), &err);
	done(stated_owe(s.here.r, HOME + 1, &folders[0], STATED_ALONG, &err),
		&err);
	done(replica_commit(s.here.r, &err), &err);
	assert_int_equal(owed(&s.here, &most), 2);
	assert_int_equal(most, STATED_ALONE);
	done(replica_begin(s.here.r, &err), &err);
	done(stated_told(s.here.r, HOME, &told, 1, &err), &err);
	done(replica_commit(s.here.r, &err), &err);
	assert_int_equal(owed(&s.here, &most), 1);
	scene_end(&s);
}

/* ---- lost changes ---- */

static void lose(struct site *s, const struct log_id *log, uint64_t last)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(gap_lost(s->r, log, 1, last, "a flipped bit", NOW, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

static void acknowledge(struct site *s, const struct log_id *log, uint64_t lsn)
{
	struct replica_log known;
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(replica_log_get(s->r, log, true, &known, &err), &err);
	struct replica_ack ack = {.log = known.id, .durable = lsn};
	done(replica_ack_set(s->r, SELF, &ack, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

static void lost_changes_are_a_gap_until_every_peer_has_caught_up(void **state)
{
	static const uint64_t peers[] = {SELF, 9};
	struct log_id log = log_id_of(0);
	AUTO_ARENA struct arena arena = {0};
	struct gap *gaps;
	size_t count;
	struct scene s;

	(void)state;
	scene_begin(&s);
	lose(&s.home, &log, 3);
	lose(&s.home, &log, 3); /* told twice: one gap */
	assert_int_equal(
		gap_list(s.home.r, peers, 2, &arena, &gaps, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(gaps[0].kind, GAP_LOST);
	assert_int_equal(gaps[0].first, 1);
	assert_int_equal(gaps[0].last, 3);
	assert_int_equal(gaps[0].since_ms, NOW);
	assert_string_equal(gaps[0].reason, "a flipped bit");
	assert_int_equal(gaps[0].lacking_count, 2);
	acknowledge(&s.home, &log, 2);
	assert_int_equal(
		gap_list(s.home.r, peers, 1, &arena, &gaps, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(gaps[0].lacking_count, 1);
	acknowledge(&s.home, &log, 3);
	assert_int_equal(
		gap_list(s.home.r, peers, 1, &arena, &gaps, &count, NULL), 0);
	assert_int_equal(count, 0);
	/* Nobody gets changes from here: nobody lacks them. */
	assert_int_equal(
		gap_list(s.home.r, NULL, 0, &arena, &gaps, &count, NULL), 0);
	assert_int_equal(count, 0);
	scene_end(&s);
}

static void changes_that_a_peer_lost_are_a_gap_until_we_know_them(void **state)
{
	struct log_id log = log_id_of(0);
	AUTO_ARENA struct arena arena = {0};
	struct scene s;

	(void)state;
	scene_begin(&s);
	lose(&s.here, &log, s.h.logs[0].count);
	gaps_of(&s.here, &arena, 0); /* we have them */
	flag(&s.h, 0, &s.dot, "T", "");
	log.incarnation++;
	lose(&s.here, &log, 2);
	struct gap *gap = gaps_of(&s.here, &arena, 1);
	assert_true(gap->lacked_here);
	assert_int_equal(gap->lacking_count, 0);
	assert_int_equal(gap->log.incarnation, INCARNATION + 1);
	accept_only_gap(&s.here);
	gaps_of(&s.here, &arena, 0);
	scene_end(&s);
}

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
	struct change c = blank(moves ? CHANGE_MOVE : CHANGE_COPY);
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
	struct change left = blank(CHANGE_LEFT);
	left.dot = m->dot;
	left.folder = folders[to];
	put(&r->h, m->folder, &left);
	m->folder = to;
}

static void expunge(struct random *r, struct mail *m)
{
	struct change c = blank(CHANGE_EXPUNGE);

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
		cmocka_unit_test(sites_that_know_the_same_agree),
		cmocka_unit_test(
			a_wrong_register_is_found_with_the_next_change_of_it),
		cmocka_unit_test(
			a_known_difference_is_not_found_again_and_keeps_its_age),
		cmocka_unit_test(a_difference_is_over_when_the_two_are_equal),
		cmocka_unit_test(
			an_accepted_difference_is_told_again_only_if_it_is_another),
		cmocka_unit_test(nothing_follows_at_another_vector),
		cmocka_unit_test(
			nothing_follows_where_we_logged_something_ourselves),
		cmocka_unit_test(whose_uids_count_is_part_of_the_vector),
		cmocka_unit_test(what_is_owed_is_owed_until_it_is_told),
		cmocka_unit_test(
			lost_changes_are_a_gap_until_every_peer_has_caught_up),
		cmocka_unit_test(
			changes_that_a_peer_lost_are_a_gap_until_we_know_them),
		cmocka_unit_test(there_is_never_a_false_alarm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
