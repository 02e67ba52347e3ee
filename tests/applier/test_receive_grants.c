/*
 * What a peer that may not expunge here, or may change some folders only, says
 * of mail and folders: of its own it is merged, of others' and in others'
 * names it is not, and all else goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "change.h"
#include "err.h"
#include "journal.h"
#include "parcel.h"
#include "receive.h"
#include "simdisk.h"

#define STATE "/state"
#define BEGIN_MS UINT64_C(1800000000000)

static const struct id128 work = {{7}};
static struct err err;

/* This site, a peer that is limited, and one that is not. */
static struct simdisk *disk;
static struct key_pair self, limited, other;
static struct account account;
static bool is_limited, has_folders; /* no expunge; "Ship/" followed by any */
static unsigned denied_count;

static void must(int rc)
{
	if (rc < 0)
		fail_msg("%s", err.text);
}

static void open_state(void)
{
	must(account_open(&account, simdisk_os(disk), STATE, "alice",
		self.pub.origin, true, &err));
}

static struct log_id log_of(const struct key_pair *site, struct id128 folder)
{
	return (struct log_id){site->pub.origin,
		site == &self ? replica_incarnation(account.replica) : 1,
		folder};
}

/* A change of a site, to be changed further. */
static struct change said(enum change_kind kind, const struct key_pair *by,
	struct id128 folder, uint64_t lsn)
{
	struct change c = change_blank(kind);

	c.by.log = log_of(by, folder);
	c.by.lsn = lsn;
	c.by.stamp = STAMP_OF(BEGIN_MS + lsn, 0);
	c.dot = (struct dot){c.by.log, lsn};
	c.base = "1800000000.M1.x";
	c.size = 9;
	c.hash = hash_of("a mail", 6);
	return c;
}

static struct change expunges(const struct dot *dot, const struct key_pair *by,
	struct id128 folder, uint64_t lsn)
{
	struct change c = said(CHANGE_EXPUNGE, by, folder, lsn);

	c.dot = *dot;
	c.base = "";
	return c;
}

/* ---- a parcel, from whom ---- */

static bool any_account(void *arg, const struct receive_peer *peer,
	const char *there, const char *here)
{
	(void)arg, (void)peer, (void)there;
	return here != NULL;
}

static void note_denied(
	void *arg, const struct receive_peer *peer, const struct err *what)
{
	(void)arg;
	assert_string_equal(peer->name, "limited");
	assert_non_null(strstr(what->text, "alice"));
	denied_count++;
}

static const char *const ship[] = {"Ship/*"};

static void take(const struct key_pair *from, const struct buf *sections)
{
	struct receive_peer peers[] = {
		{.name = "limited", .key = limited.pub, .takes_changes = true},
		{.name = "other", .key = other.pub, .takes_changes = true}};
	struct receive_config config = {.os = simdisk_os(disk),
		.state_dir = STATE,
		.bodies_dir = STATE "/bodies",
		.self = &self,
		.peers = peers,
		.peer_count = 2,
		.account_ok = any_account,
		.denied = note_denied};
	struct receive_result result = {0};
	AUTO_BUF struct buf parcel = BUF_INIT;

	if (is_limited)
		must(accept_rule_add("no expunge", &peers[0].accept, &err));
	if (has_folders) {
		peers[0].accept.folders = ship;
		peers[0].accept.folder_count = 1;
	}
	must(parcel_seal(config.os, from, &self.pub, sections->data,
		sections->len, 1, &parcel, &err));
	account_close(&account);
	must(receive_parcel(&config, parcel.data, parcel.len, &result, &err));
	open_state();
}

/* Its own changes of one log, without holes. */
static void hears(
	const struct key_pair *from, const struct change *items, size_t count)
{
	const struct change *last = &items[count - 1];
	struct change_context ctx = {items->by.log, items->by.lsn, BEGIN_MS};
	AUTO_BUF struct buf payload = BUF_INIT, sections = BUF_INIT;

	change_encode(&ctx, items, count, &payload);
	struct parcel_changes c = {.account = "alice",
		.from = {items->by.log, items->by.lsn - 1,
			items->by.lsn > 1 ? items->by.lsn - 1 : 0},
		.to = {last->by.log, last->by.lsn, last->by.lsn},
		.first_lsn = ctx.first_lsn,
		.base_ms = ctx.base_ms,
		.payload = payload.data,
		.len = payload.len};
	parcel_add_changes(&sections, from->pub.origin, &c);
	take(from, &sections);
}

/* Rows of a folder, in a comparison. */
static void is_told(const struct key_pair *from, struct id128 folder,
	const struct change *items, size_t count)
{
	struct change_context ctx = {items->by.log, 1, BEGIN_MS};
	AUTO_BUF struct buf payload = BUF_INIT, sections = BUF_INIT;

	change_encode(&ctx, items, count, &payload);
	struct parcel_compare c = {.account = "alice",
		.folder = folder,
		.kind = PARCEL_COMPARE_EXACT,
		.context = ctx.log,
		.base_ms = ctx.base_ms,
		.payload = payload.data,
		.len = payload.len};
	parcel_add_compare(&sections, from->pub.origin, PARCEL_ROWS, &c);
	take(from, &sections);
}

/* A folder that is born at a site, and one mail in it. Returns its dot. */
static struct dot has_mail(
	const struct key_pair *at, struct id128 folder, const char *path)
{
	struct change made[] = {said(CHANGE_FOLDER, at, ID_ACCOUNT, 1),
		said(CHANGE_AUTHORITY, at, ID_ACCOUNT, 2)};
	struct change born = said(CHANGE_SAVE, at, folder, 1);

	made[0].folder = made[1].folder = folder;
	made[0].path = path;
	made[1].term = 1;
	made[1].site = at->pub.origin;
	if (at != &self) {
		hears(at, made, 2);
		hears(at, &born, 1);
		return born.dot;
	}
	struct journal j;
	must(journal_begin(&j, &account, &err));
	for (size_t i = 0; i < 2; i++)
		must(journal_put(&j, &ID_ACCOUNT, &made[i], &err));
	must(journal_put(&j, &folder, &born, &err));
	must(journal_commit(&j, false, &err));
	return born.dot;
}

/* Is it the dot of a living message? */
static bool lives(const struct dot *dot)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_message m;
	int rc = replica_message_by_dot(account.replica, dot, &arena, &m, &err);

	must(rc);
	return rc == 0 && !m.dead;
}

static uint64_t known(const struct key_pair *site, struct id128 folder)
{
	struct log_id id = log_of(site, folder);
	struct replica_log log;

	must(replica_log_get(account.replica, &id, true, &log, &err));
	return log.known.lsn;
}

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(7);
	key_from_seed((const uint8_t[32]){1}, &self);
	key_from_seed((const uint8_t[32]){2}, &limited);
	key_from_seed((const uint8_t[32]){3}, &other);
	is_limited = true;
	has_folders = false;
	denied_count = 0;
	open_state();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	account_close(&account);
	simdisk_free(disk);
	return 0;
}

/* ---- tests ---- */

static void mail_of_a_folder_at_home_here_is_not_its(void **state)
{
	struct dot dot = has_mail(&self, ID_INBOX, "INBOX");
	struct change c[] = {expunges(&dot, &limited, ID_INBOX, 1),
		said(CHANGE_SAVE, &limited, ID_INBOX, 2)};

	(void)state;
	c[1].base = "1800000001.M2.x";
	hears(&limited, c, 2);
	assert_true(lives(&dot));
	assert_int_equal(denied_count, 1);
	/* What came with it came. */
	assert_true(lives(&c[1].dot));
	assert_int_equal(known(&limited, ID_INBOX), 2);
	/* Told in rows it is the same. */
	is_told(&limited, ID_INBOX, c, 1);
	assert_true(lives(&dot));
	assert_int_equal(denied_count, 2);
	/* Nor is mail of a third site; and who is not limited may. */
	struct dot third = has_mail(&other, work, "Work");
	struct change d = expunges(&third, &limited, work, 1);
	hears(&limited, &d, 1);
	assert_true(lives(&third));
	d = expunges(&third, &other, work, 2);
	hears(&other, &d, 1);
	assert_false(lives(&third));
	assert_int_equal(denied_count, 3);
}

static void without_a_rule_it_may(void **state)
{
	struct dot dot = has_mail(&self, ID_INBOX, "INBOX");
	struct change c = expunges(&dot, &limited, ID_INBOX, 1);

	(void)state;
	is_limited = false;
	hears(&limited, &c, 1);
	assert_false(lives(&dot));
	assert_int_equal(denied_count, 0);
}

static void of_its_own_it_is_merged(void **state)
{
	struct dot dot = has_mail(&limited, work, "Work");
	struct change c = expunges(&dot, &limited, work, 2);

	(void)state;
	hears(&limited, &c, 1);
	assert_false(lives(&dot));
	assert_int_equal(denied_count, 0);
	assert_int_equal(known(&limited, work), 2);
	/* Of what was never met there is nothing to keep. */
	struct dot unmet = {dot.log, 99};
	c = expunges(&unmet, &limited, work, 3);
	hears(&limited, &c, 1);
	assert_int_equal(denied_count, 0);
}

static void in_anothers_name_it_says_nothing(void **state)
{
	struct dot dot = has_mail(&limited, work, "Work");
	struct change c[] = {said(CHANGE_SAVE, &other, work, 1),
		expunges(&dot, &other, work, 2)};

	(void)state;
	c[0].base = "1800000002.M3.x";
	is_told(&limited, work, c, 2);
	assert_true(lives(&dot));
	assert_int_equal(denied_count, 1);
	/* What is no expunge it may tell. */
	assert_true(lives(&c[0].dot));
	/* Whose word it is may say it. */
	is_told(&other, work, &c[1], 1);
	assert_false(lives(&dot));
	assert_int_equal(denied_count, 1);
}

static void what_it_calls_dead_without_a_name_is_its_own_only(void **state)
{
	struct dot ours = has_mail(&self, ID_INBOX, "INBOX");
	struct dot its = has_mail(&limited, work, "Work");
	struct change born = said(CHANGE_SAVE, &limited, ID_INBOX, 1);
	struct id128 folders[] = {ID_INBOX, work};

	(void)state;
	born.base = "1800000003.M4.x";
	hears(&limited, &born, 1);
	for (size_t i = 0; i < 2; i++) {
		struct parcel_run run = {1, 1};
		struct parcel_lsns dead = {
			log_of(&limited, folders[i]), &run, 1};
		struct parcel_compare c = {.account = "alice",
			.folder = folders[i],
			.kind = PARCEL_COMPARE_EXACT,
			.dead = &dead,
			.dead_count = 1};
		AUTO_BUF struct buf sections = BUF_INIT;

		parcel_add_compare(
			&sections, limited.pub.origin, PARCEL_ROWS, &c);
		take(&limited, &sections);
	}
	assert_true(lives(&ours));
	/* It was born there, and lies in a folder that is at home here. */
	assert_true(lives(&born.dot));
	assert_int_equal(denied_count, 1);
	assert_false(lives(&its));
}

/* ---- folders ---- */

static const struct id128 secret = {{9}};

static struct replica_folder folder_of(struct id128 fid, struct arena *arena)
{
	struct replica_folder f = {.id = 0};

	must(replica_folder_by_fid(account.replica, &fid, arena, &f, &err));
	return f;
}

static void its_own_folder_is_merged_wherever_it_lies(void **state)
{
	AUTO_ARENA struct arena arena = {0};

	(void)state;
	has_folders = true;
	struct dot dot = has_mail(&limited, secret, "Secret");
	assert_true(lives(&dot));
	assert_int_equal(denied_count, 0);
	assert_true(folder_of(secret, &arena).refused);
}

static void anothers_folder_is_not_taken(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct dot ours = has_mail(&self, work, "Work");
	struct change c[] = {said(CHANGE_AUTHORITY, &limited, ID_ACCOUNT, 3),
		said(CHANGE_RENAME, &limited, ID_ACCOUNT, 4),
		said(CHANGE_DELETE, &limited, ID_ACCOUNT, 5),
		said(CHANGE_MERGE, &limited, ID_ACCOUNT, 6),
		said(CHANGE_MERGE, &limited, ID_ACCOUNT, 7)};
	struct change mail[] = {said(CHANGE_MOVE, &limited, secret, 2),
		said(CHANGE_FLAGS, &limited, secret, 3)};

	(void)state;
	has_folders = true;
	is_limited = false;
	has_mail(&limited, secret, "Secret");
	for (size_t i = 0; i < 5; i++)
		c[i].folder = work;
	c[0].term = 9;
	c[0].site = limited.pub.origin;
	c[1].path = "Ship/Work";
	c[3].other = secret;
	c[4].folder = secret;
	c[4].other = work;
	hears(&limited, c, 5);
	assert_int_equal(denied_count, 5);
	mail[0].dot = mail[1].dot = ours;
	mail[1].base = "";
	mail[1].add.letters = "F";
	hears(&limited, mail, 2);
	assert_int_equal(denied_count, 7);
	struct replica_folder f = folder_of(work, &arena);
	assert_string_equal(f.path, "Work");
	assert_true(f.authority.site == self.pub.origin && !f.dead);
	assert_int_not_equal(f.id, folder_of(secret, &arena).id);
	assert_int_equal(f.messages, 1);
	assert_int_equal(known(&limited, ID_ACCOUNT), 7);
	assert_int_equal(known(&limited, secret), 3);
}

static void where_it_may_it_does(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct dot ours = has_mail(&self, work, "Ship/Work");
	struct change c = said(CHANGE_FLAGS, &limited, work, 1);
	struct replica_message m;

	(void)state;
	has_folders = true;
	c.dot = ours;
	c.base = "";
	c.add.letters = "F";
	hears(&limited, &c, 1);
	assert_int_equal(denied_count, 0);
	must(replica_message_by_dot(account.replica, &ours, &arena, &m, &err));
	assert_string_equal(m.letters, "F");
}

static void its_inbox_is_another(void **state)
{
	AUTO_ARENA struct arena arena = {0};

	(void)state;
	has_folders = true;
	struct dot dot = has_mail(&limited, ID_INBOX, "INBOX");
	assert_false(lives(&dot));
	assert_int_equal(denied_count, 3);
	assert_int_equal(known(&limited, ID_INBOX), 1);
	assert_int_equal(folder_of(ID_INBOX, &arena).authority.term, 0);
	/* Once it may it is heard again, from its beginning. */
	has_folders = false;
	struct change c = said(CHANGE_SUBSCRIBE, &limited, ID_ACCOUNT, 3);
	c.path = "soon";
	c.value = true;
	hears(&limited, &c, 1);
	assert_int_equal(known(&limited, ID_INBOX), 0);
	assert_int_equal(known(&limited, ID_ACCOUNT), 0);
	dot = has_mail(&limited, ID_INBOX, "INBOX");
	assert_true(lives(&dot));
	assert_true(folder_of(ID_INBOX, &arena).authority.site ==
		    limited.pub.origin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			mail_of_a_folder_at_home_here_is_not_its, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			without_a_rule_it_may, setup, teardown),
		cmocka_unit_test_setup_teardown(
			of_its_own_it_is_merged, setup, teardown),
		cmocka_unit_test_setup_teardown(
			in_anothers_name_it_says_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_it_calls_dead_without_a_name_is_its_own_only,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			its_own_folder_is_merged_wherever_it_lies, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			anothers_folder_is_not_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(
			where_it_may_it_does, setup, teardown),
		cmocka_unit_test_setup_teardown(
			its_inbox_is_another, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
