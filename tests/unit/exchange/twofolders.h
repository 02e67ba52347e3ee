/*
 * twofolders: two states that compare folders by parcels' sections, which a
 * test may lose or repeat.
 */
#ifndef PB_TWOFOLDERS_H
#define PB_TWOFOLDERS_H

#include "../replica/twostates.h"

#include "comparing.h"
#include "exchange.h"
#include "gaps.h"
#include "parcel.h"

/* Two that are to be equal, with the changes that both know. */
struct pair {
	struct site home, here;
	struct history h;
	int64_t now_ms;
	unsigned turns;	 /* parcels that carried something */
	size_t bytes[2]; /* of sections, from home and from here */
	unsigned lose;	 /* the parcel of this number, from 1 */
	bool twice;	 /* each parcel comes again */
	bool home_takes_not;
};

static inline void pair_begin(struct pair *p)
{
	*p = (struct pair){.now_ms = LATER};
	p->home = fresh(HOME);
	p->here = fresh(SELF);
	history_begin(&p->h);
}

static inline void pair_end(struct pair *p)
{
	history_free(&p->h);
	release(&p->home);
	release(&p->here);
}

static inline void pair_take(struct pair *p)
{
	take_all(&p->home, &p->h);
	take_all(&p->here, &p->h);
}

/* Behind the back of everything that keeps sums. */
static inline void rot(struct site *s, const char *text)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	assert_int_equal(sqlite3_exec(replica_db(s->r), text, NULL, NULL, NULL),
		SQLITE_OK);
	assert_true(sqlite3_changes(replica_db(s->r)) > 0);
	done(replica_commit(s->r, &err), &err);
}

static inline int64_t ask(struct site *s, const char *text)
{
	sqlite3_stmt *st;
	int64_t value = 0;

	assert_int_equal(
		sqlite3_prepare_v2(replica_db(s->r), text, -1, &st, NULL),
		SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return value;
}

static inline void begin(struct site *s, uint64_t peer, size_t folder)
{
	struct err err = ERR_INIT;

	done(replica_begin(s->r, &err), &err);
	done(comparing_begin(
		     s->r, peer, &folders[folder], COMPARING_EXACT, &err),
		&err);
	done(replica_commit(s->r, &err), &err);
}

static inline int may(void *arg, const struct change *c, struct err *err)
{
	uint64_t origin = c->by.log.origin;

	(void)arg, (void)err;
	return origin == HOME || origin == SELF;
}

static inline struct exchange exchange_of(struct pair *p, bool home)
{
	return (struct exchange){
		.replica = home ? p->home.r : p->here.r,
		.peer = home ? SELF : HOME,
		.takes = !home || !p->home_takes_not,
		.gives = home || !p->home_takes_not,
		.now_ms = p->now_ms,
		.may = may,
	};
}

static inline int put_section(void *arg, enum parcel_section_type type,
	const struct parcel_compare *c, struct err *err)
{
	(void)err;
	parcel_add_compare(arg, 0, type, c);
	return 0;
}

/* What one of them has to say, said. Returns its bytes; 0: nothing. */
static inline size_t pack(struct pair *p, bool home, struct buf *ret)
{
	struct exchange x = exchange_of(p, home);
	struct err err = ERR_INIT;
	int rc = exchange_pack(&x, "a", true, put_section, ret, &err);

	done(rc, &err);
	if (rc > 0) {
		done(replica_begin(x.replica, &err), &err);
		done(comparing_sent(x.replica, x.peer, p->now_ms, &err), &err);
		done(replica_commit(x.replica, &err), &err);
	}
	return ret->len;
}

/* Returns what exchange_take did. */
static inline int deliver_as(
	struct pair *p, bool to_home, const struct buf *parcel, struct err *err)
{
	struct exchange x = exchange_of(p, to_home);
	struct parcel_sections s;
	int rc = 0;

	done(parcel_parse(0, parcel->data, parcel->len, &s, err), err);
	done(replica_begin(x.replica, err), err);
	for (size_t i = 0; i < s.count && rc >= 0; i++)
		rc = exchange_take(
			&x, s.items[i].type, &s.items[i].compare, err);
	if (rc >= 0)
		done(replica_commit(x.replica, err), err);
	replica_rollback(x.replica);
	parcel_sections_free(&s);
	return rc;
}

static inline void deliver(
	struct pair *p, bool to_home, const struct buf *parcel)
{
	struct err err = ERR_INIT;

	done(deliver_as(p, to_home, parcel, &err), &err);
}

/* One parcel each way. Returns false when nobody had anything to say. */
static inline bool turn(struct pair *p)
{
	bool any = false;

	for (int home = 0; home < 2; home++) {
		AUTO_BUF struct buf parcel = BUF_INIT;

		if (!pack(p, home, &parcel))
			continue;
		any = true;
		p->bytes[!home] += parcel.len;
		if (++p->turns == p->lose)
			continue;
		deliver(p, !home, &parcel);
		if (p->twice)
			deliver(p, !home, &parcel);
	}
	return any;
}

/* Until nobody has anything to say, at most so many turnarounds. */
static inline void turns(struct pair *p, unsigned most)
{
	while (turn(p))
		if (!most--)
			fail_msg("it does not end");
}

static inline struct stated of_folder(struct site *s, size_t folder)
{
	struct word w = state_of(s);
	struct stated found = {.folder = {{0}}};

	for (size_t i = 0; i < w.count; i++)
		if (id_equal(&w.folders[i].folder, &folders[folder]))
			found = w.folders[i];
	arena_free(&w.arena);
	return found;
}

static inline bool is_equal(struct pair *p, size_t folder)
{
	struct stated a = of_folder(&p->home, folder);
	struct stated b = of_folder(&p->here, folder);

	return a.sums.messages == b.sums.messages &&
	       a.sums.digest == b.sums.digest;
}

/* And neither has anything left to do, or a gap. */
static inline void assert_settled(struct pair *p, size_t folder)
{
	if (!is_equal(p, folder))
		fail_msg("not equal: %llu here, %llu at home",
			(unsigned long long)of_folder(&p->here, folder)
				.sums.messages,
			(unsigned long long)of_folder(&p->home, folder)
				.sums.messages);
	for (int home = 0; home < 2; home++) {
		struct site *s = home ? &p->home : &p->here;

		assert_int_equal(ask(s, "SELECT count(*) FROM gap"), 0);
		assert_int_equal(
			ask(s, "SELECT count(*) FROM comparing WHERE due"), 0);
		assert_int_equal(ask(s, "SELECT count(*) FROM owed"), 0);
	}
}

#endif
