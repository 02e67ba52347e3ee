/* Folders of which nothing is placed: what is to be placed of their mail, and of
   mail that moves between them and others. */
#include "twostates.h"

#include "guarded.h"
#include "kept.h"
#include "refused.h"

#define T(name) cmocka_unit_test(name)
#define OPEN 1 /* folders, of twostates */
#define SHUT 2

static struct err err;

static void name_folder(struct history *h, size_t folder, const char *path)
{
	struct change c = change_blank(CHANGE_FOLDER);

	c.folder = folders[folder];
	c.path = path;
	put(h, FOLDERS, &c);
}

static void move_to(struct history *h, size_t folder, const struct change *mail)
{
	struct change c = *mail;
	char base[32];

	snprintf(base, sizeof(base), "moved.%llu", (unsigned long long)h->ms);
	c.kind = CHANGE_MOVE;
	c.dot = mail->dot;
	c.base = base;
	put(h, folder, &c);
}

static int shut_is_refused(void *arg, uint64_t site, const char *path)
{
	assert_int_equal(site, HOME);
	(void)arg;
	return strncmp(path, "Shut", 4) == 0;
}

static int nothing_is_refused(void *arg, uint64_t site, const char *path)
{
	(void)arg, (void)site, (void)path;
	return 0;
}

static int decide(struct site *s, refused_fn refuses)
{
	done(replica_begin(s->r, &err), &err);
	int rc = refused_decide(s->r, refuses, NULL, &err);
	done(rc, &err);
	done(replica_commit(s->r, &err), &err);
	return rc;
}

static int64_t number(struct site *s, const char *text)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(replica_db(s->r), text, -1, &st, NULL) !=
			SQLITE_OK ||
		sqlite3_step(st) != SQLITE_ROW)
		fail_msg("%s: %s", text, sqlite3_errmsg(replica_db(s->r)));
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* todo of the one message. */
static int todo(struct site *s)
{
	return (int)number(s, "SELECT todo FROM message");
}

/* It lies where it is merged, as merged. */
static void place(struct site *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m;

	done(replica_message_get(s->r, number(s, "SELECT id FROM message"),
		     &arena, &m, &err),
		&err);
	m.p_folder = m.folder;
	m.p_base = m.base;
	m.p_letters = m.letters;
	m.p_keywords = m.keywords;
	m.p_extra = m.extra;
	m.p_uid = m.uid;
	done(replica_begin(s->r, &err), &err);
	done(replica_message_place(s->r, &m, true, &err), &err);
	done(replica_commit(s->r, &err), &err);
}

static int count_one(void *arg, const struct replica_message *m, struct err *e)
{
	(void)m, (void)e;
	++*(int *)arg;
	return 0;
}

static int bodies_awaited(struct site *s)
{
	int count = 0;

	done(replica_bodiless_each(s->r, count_one, &count, &err), &err);
	return count;
}

static int count_gone(void *arg, const struct guarded_message *m, struct err *e)
{
	(void)m, (void)e;
	++*(int *)arg;
	return 0;
}

static int guarded(struct site *s)
{
	int count = 0;

	done(guarded_each(s->r, count_gone, &count, &err), &err);
	return count;
}

/* A site that knows of folders "Open" and "Shut", which is refused. */
static struct site begin(struct history *h)
{
	struct site s = fresh(SELF);

	history_begin(h);
	name_folder(h, OPEN, "Open");
	name_folder(h, SHUT, "Shut");
	take_all(&s, h);
	assert_int_equal(decide(&s, shut_is_refused), 1);
	assert_int_equal(decide(&s, shut_is_refused), 0);
	return s;
}

static void end(struct site *s, struct history *h)
{
	release(s);
	history_free(h);
}

static void mail_that_is_not_to_be_placed_awaits_no_body(void **state)
{
	struct history h;
	struct site s = begin(&h);

	(void)state;
	save(&h, SHUT);
	take_all(&s, &h);
	assert_int_equal(todo(&s), MESSAGE_REFUSED);
	assert_int_equal(bodies_awaited(&s), 0);
	assert_int_equal(decide(&s, nothing_is_refused), 1);
	assert_int_equal(todo(&s), 1);
	assert_int_equal(bodies_awaited(&s), 1);
	end(&s, &h);
}

static void what_lies_in_it_stays(void **state)
{
	struct history h;
	struct site s = begin(&h);
	struct change mail = save(&h, SHUT);

	(void)state;
	decide(&s, nothing_is_refused);
	take_all(&s, &h);
	place(&s);
	assert_int_equal(todo(&s), 0);
	decide(&s, shut_is_refused);
	flag(&h, SHUT, &mail.dot, "S", "");
	take_all(&s, &h);
	assert_int_equal(todo(&s), MESSAGE_REFUSED);
	struct change gone = change_blank(CHANGE_EXPUNGE);
	gone.dot = mail.dot;
	put(&h, SHUT, &gone);
	take_all(&s, &h);
	assert_int_equal(todo(&s), MESSAGE_KEPT);
	assert_int_equal(guarded(&s), 0);
	/* Another configuration of what may be expunged changes nothing. */
	const uint64_t sites[] = {99};
	done(kept_decide(s.r, sites, 1, &err), &err);
	assert_int_equal(todo(&s), MESSAGE_KEPT);
	decide(&s, nothing_is_refused);
	assert_int_equal(todo(&s), 1);
	assert_int_equal(guarded(&s), 1);
	end(&s, &h);
}

static void mail_that_is_moved_there_leaves_unless_it_is_kept(void **state)
{
	const uint64_t sites[] = {HOME};
	struct history h;
	struct site s = begin(&h);
	struct change mail = save(&h, OPEN);

	(void)state;
	take_all(&s, &h);
	place(&s);
	move_to(&h, SHUT, &mail);
	take_all(&s, &h);
	assert_int_equal(todo(&s), 1);
	assert_int_equal(guarded(&s), 1);
	assert_int_equal(bodies_awaited(&s), 0);
	/* First what was kept is decided anew, then it is found. */
	done(kept_decide(s.r, sites, 1, &err), &err);
	assert_int_equal(todo(&s), MESSAGE_KEPT);
	assert_int_equal(guarded(&s), 0);
	move_to(&h, OPEN, &mail);
	take_all(&s, &h);
	assert_int_equal(todo(&s), 1); /* its name is another */
	end(&s, &h);
}

static void what_mail_leaves_in_it_is_the_mail_when_it_comes_back(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m;
	struct history h;
	struct site s = begin(&h);
	struct change mail = save(&h, SHUT);

	(void)state;
	decide(&s, nothing_is_refused);
	take_all(&s, &h);
	place(&s);
	decide(&s, shut_is_refused);
	done(replica_message_by_dot(s.r, &mail.dot, &arena, &m, &err), &err);
	done(replica_begin(s.r, &err), &err);
	done(replica_stray(s.r, &m, &err), &err);
	m.p_folder = 0;
	done(replica_message_place(s.r, &m, true, &err), &err);
	done(replica_commit(s.r, &err), &err);
	assert_int_equal(number(&s, "SELECT todo FROM message WHERE dead"),
		MESSAGE_KEPT);
	decide(&s, nothing_is_refused);
	assert_int_equal(number(&s, "SELECT count(*) FROM message"), 1);
	assert_int_equal(todo(&s), 0);
	assert_int_equal(bodies_awaited(&s), 0);
	end(&s, &h);
}

static void no_two_folders_are_one_because_of_its_name(void **state)
{
	struct history h;
	struct site s = begin(&h);
	int64_t a, b;

	(void)state;
	struct change c = change_blank(CHANGE_RENAME);
	c.folder = folders[OPEN];
	c.path = "Shut";
	put(&h, FOLDERS, &c);
	take_all(&s, &h);
	done(sqlite3_exec(replica_db(s.r),
		     "UPDATE folder SET auth_site = 1 WHERE id ="
		     " (SELECT max(id) FROM folder)",
		     NULL, NULL, NULL),
		&err);
	assert_int_equal(replica_same_name(s.r, &a, &b, &err), 1);
	decide(&s, nothing_is_refused);
	assert_int_equal(replica_same_name(s.r, &a, &b, &err), 0);
	end(&s, &h);
}

static void who_is_not_known_is_as_before(void **state)
{
	struct history h;
	struct site s = begin(&h);

	(void)state;
	done(sqlite3_exec(replica_db(s.r),
		     "UPDATE folder SET auth_term = 0, born_log = 0", NULL,
		     NULL, NULL),
		&err);
	assert_int_equal(decide(&s, nothing_is_refused), 0);
	assert_int_equal(refused_any(s.r, &err), 1);
	end(&s, &h);
}

static void the_inbox_of_a_home_is_its_own(void **state)
{
	struct history h;
	struct site s = begin(&h);

	(void)state;
	save(&h, 0);
	take_all(&s, &h);
	done(replica_begin(s.r, &err), &err);
	done(refused_inbox(s.r, HOME, true, &err), &err);
	assert_int_equal(refused_is_inbox(s.r, HOME, &err), 0);
	done(refused_inbox(s.r, 99, true, &err), &err);
	assert_int_equal(refused_is_inbox(s.r, 99, &err), 1);
	assert_int_equal(replica_holds_mail(s.r, &err), 0);
	done(refused_inbox(s.r, 99, false, &err), &err);
	assert_int_equal(refused_is_inbox(s.r, 99, &err), 0);
	assert_int_equal(replica_holds_mail(s.r, &err), 1);
	done(replica_commit(s.r, &err), &err);
	end(&s, &h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(mail_that_is_not_to_be_placed_awaits_no_body),
		T(what_lies_in_it_stays),
		T(mail_that_is_moved_there_leaves_unless_it_is_kept),
		T(what_mail_leaves_in_it_is_the_mail_when_it_comes_back),
		T(no_two_folders_are_one_because_of_its_name),
		T(who_is_not_known_is_as_before),
		T(the_inbox_of_a_home_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
