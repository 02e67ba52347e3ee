/*
 * What is taken of a site's changes that another one passes on, and what is
 * refused, or left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "change.h"
#include "err.h"
#include "parcel.h"
#include "receive.h"
#include "relayed.h"
#include "simdisk.h"
#include "viewed.h"

#define STATE "/state"
#define BEGIN_MS UINT64_C(1800000000000)

/* This site; one that passes on, and who wrote it. */
static struct simdisk *disk;
static struct key_pair self, relay, ship;
static struct account account;
static bool relays, ship_is_a_peer, ship_is_taken;
static unsigned left_out;
static struct err err;

static void open_state(void)
{
	if (account_open(&account, simdisk_os(disk), STATE, "alice",
		    self.pub.origin, true, &err) < 0)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(7);
	key_from_seed((const uint8_t[32]){1}, &self);
	key_from_seed((const uint8_t[32]){2}, &relay);
	key_from_seed((const uint8_t[32]){3}, &ship);
	relays = ship_is_taken = true;
	ship_is_a_peer = false;
	left_out = 0;
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

static bool any_account(void *arg, const struct receive_peer *peer,
	const char *there, const char *here)
{
	(void)arg, (void)peer, (void)there;
	return here != NULL;
}

static void note_left_out(
	void *arg, const struct receive_peer *peer, const struct err *what)
{
	(void)arg;
	assert_string_equal(peer->name, "relay");
	assert_non_null(strstr(what->text, "left out"));
	left_out++;
}

static int take(const struct key_pair *from, const struct parcel_changes *c)
{
	struct receive_peer peers[] = {{.name = "relay",
					       .key = relay.pub,
					       .takes_changes = true,
					       .relays = relays},
		{.name = "ship",
			.key = ship.pub,
			.takes_changes = ship_is_taken}};
	struct receive_config config = {.os = simdisk_os(disk),
		.state_dir = STATE,
		.bodies_dir = STATE "/bodies",
		.self = &self,
		.peers = peers,
		.peer_count = ship_is_a_peer ? 2 : 1,
		.account_ok = any_account,
		.denied = note_left_out};
	struct receive_result result = {0};
	AUTO_BUF struct buf parcel = BUF_INIT, sections = BUF_INIT;

	err = (struct err)ERR_INIT;
	parcel_add_changes(&sections, from->pub.origin, c);
	if (parcel_seal(config.os, from, &self.pub, sections.data, sections.len,
		    1, &parcel, &err) < 0)
		fail_msg("%s", err.text);
	account_close(&account);
	int rc =
		receive_parcel(&config, parcel.data, parcel.len, &result, &err);
	open_state();
	return rc;
}

static struct log_id log_of(const struct key_pair *site)
{
	return (struct log_id){site->pub.origin,
		site == &self ? replica_incarnation(account.replica) : 1,
		ID_INBOX};
}

/* A mail each, as told by its log's lsns; as it is passed on. */
struct said {
	struct change items[4];
	struct parcel_changes c;
	struct buf payload;
};

static struct change mail(const struct log_id *log, uint64_t lsn)
{
	static const char *const bases[] = {
		"", "1.M1.x", "2.M2.x", "3.M3.x", "4.M4.x", "5.M5.x", "6.M6.x"};
	struct change c = change_blank(CHANGE_SAVE);

	c.by.log = *log;
	c.by.lsn = lsn;
	c.by.stamp = STAMP_OF(BEGIN_MS + lsn, 0);
	c.dot = (struct dot){*log, lsn};
	c.base = bases[lsn];
	c.size = 9;
	c.hash = hash_of("a mail", 6);
	return c;
}

static void encode(struct said *s)
{
	struct change_context ctx = {
		s->c.from.log, s->c.first_lsn, s->c.base_ms};

	buf_clear(&s->payload);
	change_encode(&ctx, s->items, s->c.to.lsn - s->c.from.lsn, &s->payload);
	s->c.payload = s->payload.data;
	s->c.len = s->payload.len;
}

static struct said says(struct log_id log, uint64_t from, uint64_t to)
{
	struct said s = {.c = {.account = "alice",
				 .from = {log, from, 0},
				 .to = {log, to, 0},
				 .first_lsn = from + 1,
				 .base_ms = BEGIN_MS},
		.payload = BUF_INIT};

	for (uint64_t lsn = from + 1; lsn <= to; lsn++)
		s.items[lsn - from - 1] = mail(&log, lsn);
	encode(&s);
	return s;
}

static int passes_on(struct log_id log, uint64_t from, uint64_t to)
{
	struct said s = says(log, from, to);
	int rc = take(&relay, &s.c);

	buf_free(&s.payload);
	return rc;
}

/* From the site itself, with chain values: the lsn. */
static int hands_over(uint64_t from, uint64_t to, bool part)
{
	struct said s = says(log_of(&ship), from, to);

	s.c.from.chain = from;
	s.c.to.chain = to;
	s.c.part = part;
	int rc = take(&ship, &s.c);
	buf_free(&s.payload);
	return rc;
}

static struct position known(const struct key_pair *site)
{
	struct log_id id = log_of(site);
	struct replica_log log;

	if (replica_log_get(account.replica, &id, false, &log, &err) < 0)
		fail_msg("%s", err.text);
	return log.known;
}

static bool is_here(uint64_t lsn)
{
	AUTO_ARENA struct arena arena = {0};
	struct dot dot = {log_of(&ship), lsn};
	struct replica_message m;

	return replica_message_by_dot(
		       account.replica, &dot, &arena, &m, &err) == 0;
}

/* How far the relay is known to know the ship's log. */
static uint64_t relay_knows(void)
{
	struct log_id id = log_of(&ship);
	struct replica_log log;
	struct replica_ack ack;

	assert_int_equal(
		replica_log_get(account.replica, &id, false, &log, &err), 0);
	assert_int_equal(replica_ack_get(account.replica, relay.pub.origin,
				 log.id, &ack, &err),
		0);
	return ack.durable;
}

/* ---- tests ---- */

static void it_is_taken_of_who_may_relay(void **state)
{
	(void)state;
	assert_int_equal(passes_on(log_of(&ship), 0, 2), 0);
	assert_int_equal(known(&ship).lsn, 2);
	assert_int_equal(known(&ship).chain, 0);
	assert_true(is_here(1) && is_here(2));
	/* It has what it handed over; and once more says nothing. */
	assert_int_equal(relay_knows(), 2);
	assert_int_equal(passes_on(log_of(&ship), 1, 2), 0);
	assert_int_equal(known(&ship).lsn, 2);
	/* What is before it may be under way. */
	assert_int_equal(passes_on(log_of(&ship), 3, 4), ERR_TORN);
	assert_int_equal(known(&ship).lsn, 2);
}

static void it_is_refused_of_who_may_not(void **state)
{
	(void)state;
	relays = false;
	assert_int_equal(passes_on(log_of(&ship), 0, 2), ERR_AUTH);
	assert_non_null(strstr(err.text, "may not relay"));
	assert_int_equal(known(&ship).lsn, 0);
	assert_false(is_here(1));
}

static void nobody_passes_on_what_we_write_ourselves(void **state)
{
	struct log_id earlier = log_of(&self);

	(void)state;
	assert_int_equal(passes_on(log_of(&self), 0, 2), ERR_CONFLICT);
	/* Of an earlier state of ours: to who joins only. */
	earlier.incarnation++;
	assert_int_equal(passes_on(earlier, 0, 2), 0);
	assert_int_equal(known(&self).lsn, 0);
}

static void what_is_between_two_sites_is_not_passed_on(void **state)
{
	struct log_id view = log_of(&ship);
	struct said s = says(log_of(&ship), 0, 2);
	struct parcel_changes whole = s.c;

	(void)state;
	s.c.to.chain = 7;
	assert_int_equal(take(&relay, &s.c), ERR_CORRUPT);
	s.c = whole;
	s.c.part = true;
	assert_int_equal(take(&relay, &s.c), ERR_CORRUPT);
	s.c = whole;
	s.c.unasked = true;
	assert_int_equal(take(&relay, &s.c), ERR_CORRUPT);
	/* That mail is hidden, from whom? */
	s.c = whole;
	s.items[1] = change_blank(CHANGE_OUT);
	s.items[1].by = mail(&s.c.from.log, 2).by;
	s.items[1].dot = s.items[0].dot;
	encode(&s);
	assert_int_equal(take(&relay, &s.c), ERR_AUTH);
	/* A change of a third log. */
	s.c = whole;
	s.items[1] = mail(&(struct log_id){99, 1, ID_INBOX}, 2);
	encode(&s);
	assert_int_equal(take(&relay, &s.c), ERR_AUTH);
	assert_false(is_here(1));
	/* What the ship shows us the ship says. */
	view.folder = view_log_id(self.pub.origin);
	assert_int_equal(passes_on(view, 0, 1), ERR_AUTH);
	buf_free(&s.payload);
}

static void of_a_peer_of_which_nothing_is_taken_it_is_left_out(void **state)
{
	(void)state;
	ship_is_a_peer = true;
	ship_is_taken = false;
	assert_int_equal(passes_on(log_of(&ship), 0, 2), 0);
	assert_int_equal(left_out, 1);
	assert_int_equal(known(&ship).lsn, 0);
	ship_is_taken = true;
	assert_int_equal(passes_on(log_of(&ship), 0, 2), 0);
	assert_int_equal(left_out, 1);
	assert_int_equal(known(&ship).lsn, 2);
}

static void of_who_shows_us_a_part_it_is_left_out(void **state)
{
	(void)state;
	ship_is_a_peer = true;
	assert_int_equal(hands_over(0, 1, true), 0);
	assert_int_equal(known(&ship).lsn, 1);
	assert_int_equal(passes_on(log_of(&ship), 1, 2), 0);
	assert_int_equal(left_out, 1);
	assert_int_equal(known(&ship).lsn, 1);
}

static void the_site_itself_goes_on_from_what_was_passed_on(void **state)
{
	(void)state;
	ship_is_a_peer = true;
	assert_int_equal(hands_over(0, 1, false), 0);
	assert_int_equal(known(&ship).chain, 1);
	assert_int_equal(passes_on(log_of(&ship), 0, 3), 0);
	assert_int_equal(known(&ship).lsn, 3);
	/* It has not heard of that yet, and handed over no 3. */
	assert_int_equal(hands_over(1, 2, false), 0);
	assert_int_equal(known(&ship).lsn, 3);
	assert_int_equal(hands_over(1, 4, false), 0);
	assert_int_equal(known(&ship).lsn, 4);
	assert_int_equal(known(&ship).chain, 4);
	assert_true(is_here(4));
}

static void two_mails_of_one_name_stop_their_site_and_not_the_relay(
	void **state)
{
	struct said s = says(log_of(&ship), 1, 2);
	struct said own = says(log_of(&relay), 0, 1);

	(void)state;
	assert_int_equal(passes_on(log_of(&ship), 0, 2), 0);
	s.items[0].hash = hash_of("another", 7);
	encode(&s);
	assert_int_equal(take(&relay, &s.c), ERR_CONFLICT);
	assert_int_equal(passes_on(log_of(&ship), 2, 3), 0);
	assert_int_equal(left_out, 1);
	assert_int_equal(known(&ship).lsn, 2);
	own.c.to.chain = 1;
	assert_int_equal(take(&relay, &own.c), 0);
	assert_int_equal(known(&relay).lsn, 1);
	buf_free(&s.payload);
	buf_free(&own.payload);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_taken_of_who_may_relay),
		TEST(it_is_refused_of_who_may_not),
		TEST(nobody_passes_on_what_we_write_ourselves),
		TEST(what_is_between_two_sites_is_not_passed_on),
		TEST(of_a_peer_of_which_nothing_is_taken_it_is_left_out),
		TEST(of_who_shows_us_a_part_it_is_left_out),
		TEST(the_site_itself_goes_on_from_what_was_passed_on),
		TEST(two_mails_of_one_name_stop_their_site_and_not_the_relay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
