/*
 * What a configuration file may say, what it may not, and that every refusal
 * names file, line and remedy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "err.h"

#define KEY_A "pb1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY_LATER KEY_A ":AAAAAAAAAAAAAAAA"
#define KEY_B "pb1:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define SITE "site \"aurora\" { state = \"/var/lib/pb\" }\n"

static char path[64];

static int make_path(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/test_config.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int drop_path(void **state)
{
	(void)state;
	return unlink(path);
}

static int load_bytes(
	const void *text, size_t len, struct config *ret, struct err *err)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	return config_load(path, ret, err);
}

static int load(const char *text, struct config *ret, struct err *err)
{
	return load_bytes(text, strlen(text), ret, err);
}

/* The text is refused in that line, and the reason contains these words. */
static void refused(const char *text, unsigned line, const char *words)
{
	struct config c = {0};
	struct err err = ERR_INIT;
	AUTO_FREE char *where = line ? mem_printf("%s:%u: ", path, line)
				     : mem_printf("%s: ", path);

	if (load(text, &c, &err) == 0)
		fail_msg("accepted: %s", text);
	assert_int_equal(err.code, ERR_USAGE);
	if (strncmp(err.text, where, strlen(where)) != 0 ||
		!strstr(err.text, words))
		fail_msg(
			"said \"%s\", not \"%s...%s\"", err.text, where, words);
	assert_null(c.site);
}

static void the_example_of_the_manual_loads(void **state)
{
	static const char text[] =
		"# the site\n"
		"site \"aurora\" {\n"
		"  state = \"/var/lib/packetboat\" // here\n"
		"}\n"
		"account \"alice\" { maildir = \"/home/alice/Maildir\" }\n"
		"accounts { maildir = \"/var/vmail/%d/%n/Maildir\" }\n"
		"peer \"shore\" {\n"
		"  key  = \"" KEY_A "\"\n"
		"  link \"stick\" { via = \"dir:/media/usb\" }\n"
		"  link \"other\" { via = \"dir:/media/other\""
		"    compression = slow every = \"90s\" }\n"
		"}\n"
		"peer \"ashore\" { key = \"" KEY_B "\"\n"
		"  via = \"dir:/srv/exchange\" /* a bare via\n is one */ }\n";
	struct config c;
	struct err err = ERR_INIT;

	(void)state;
	if (load(text, &c, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(c.path, path);
	assert_string_equal(c.site, "aurora");
	assert_string_equal(c.state, "/var/lib/packetboat");
	assert_int_equal(c.account_count, 2);
	assert_string_equal(c.accounts[0].name, "alice");
	assert_string_equal(c.accounts[0].maildir, "/home/alice/Maildir");
	assert_false(c.accounts[0].pattern);
	assert_true(c.accounts[1].pattern);
	assert_int_equal(c.peer_count, 2);
	assert_string_equal(c.peers[0].name, "shore");
	assert_string_equal(c.peers[0].key, KEY_A);
	assert_int_equal(c.peers[0].link_count, 2);
	assert_string_equal(c.peers[0].links[0].name, "stick");
	assert_string_equal(c.peers[0].links[0].via, "dir:/media/usb");
	assert_int_equal(c.peers[0].links[0].level, 3);
	assert_int_equal(c.peers[0].links[1].level, 19);
	assert_int_equal(c.peers[1].link_count, 1);
	assert_string_equal(c.peers[1].links[0].name, "");
	config_free(&c);
}

static void what_is_not_written_has_its_default(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(load(SITE "account a { maildir = \"/a\" }\n"
				   "peer p { key = \"" KEY_A "\" }",
				 &c, NULL),
		0);
	assert_false(c.syslog);
	assert_int_equal(c.trash_age_s, 30 * 24 * 3600);
	assert_int_equal(c.trash_size, 1 << 30);
	assert_int_equal(c.reserve_percent, 5);
	assert_true(c.log_keep_ms == INT64_C(30) * 24 * 3600 * 1000);
	assert_int_equal(c.log_cap_percent, 10);
	assert_int_equal(c.log_cap, 0);
	assert_int_equal(c.accounts[0].guard_percent, 50);
	assert_int_equal(c.accounts[0].guard_least, 100);
	assert_int_equal(c.accounts[0].guard_exempt_count, 6);
	assert_string_equal(c.accounts[0].guard_exempt[0], "Trash");
	assert_int_equal(c.accounts[0].layout, LAYOUT_AUTO);
	assert_null(c.accounts[0].control);
	assert_int_equal(c.peers[0].late_ms, 15 * 60 * 1000);
	assert_int_equal(c.peers[0].state_every_ms, 24 * 3600 * 1000);
	assert_int_equal(c.peers[0].overlap, 1);
	assert_true(c.peers[0].tables_every_ms == INT64_C(7) * 86400000);
	assert_false(c.peers[0].oneway);
	assert_int_equal(c.peers[0].changes, CHANGES_BOTH);
	assert_int_equal(c.peers[0].link_count, 0);
	config_free(&c);
}

static void every_key_is_taken(void **state)
{
	static const char text[] =
		"site x { state = \"/s\" syslog = yes trash_age = 12h\n"
		" trash_size = \"200K\" reserve = \"0%\"\n"
		" log_keep = never log_cap = \"2G\" }\n"
		"account y { maildir = \"/m\" control = \"/c\" index = \"/i\"\n"
		" inbox = \"/n\" layout = fs guard = 100% guard_least = 7\n"
		" guard_exempt = { Papierkorb, \"INBOX/Gel\xc3\xb6scht\" } }\n"
		"peer z { key = \"" KEY_LATER "\" oneway = yes late = never"
		" changes = send state_every = \"2h\" overlap = \"3\""
		" follow_key = yes tables_every = never }\n";
	struct config c;
	struct err err = ERR_INIT;

	(void)state;
	if (load(text, &c, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(c.syslog);
	assert_int_equal(c.trash_age_s, 12 * 3600);
	assert_int_equal(c.trash_size, 200 * 1024);
	assert_int_equal(c.reserve_percent, 0);
	assert_true(c.log_keep_ms == -1);
	assert_true(c.log_cap == UINT64_C(2) << 30);
	assert_int_equal(c.log_cap_percent, 0);
	assert_string_equal(c.accounts[0].control, "/c");
	assert_string_equal(c.accounts[0].index, "/i");
	assert_string_equal(c.accounts[0].inbox, "/n");
	assert_int_equal(c.accounts[0].layout, LAYOUT_FS);
	assert_int_equal(c.accounts[0].guard_percent, 100);
	assert_int_equal(c.accounts[0].guard_least, 7);
	assert_int_equal(c.accounts[0].guard_exempt_count, 2);
	assert_string_equal(c.accounts[0].guard_exempt[0], "Papierkorb");
	assert_string_equal(
		c.accounts[0].guard_exempt[1], "INBOX/Gel\xc3\xb6scht");
	assert_true(c.peers[0].oneway);
	assert_true(c.peers[0].follow_key);
	assert_int_equal(c.peers[0].late_ms, -1);
	assert_int_equal(c.peers[0].state_every_ms, 2 * 3600 * 1000);
	assert_int_equal(c.peers[0].overlap, 3);
	assert_int_equal(c.peers[0].tables_every_ms, -1);
	assert_int_equal(c.peers[0].changes, CHANGES_SEND);
	config_free(&c);
}

static void an_empty_list_exempts_nothing(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(load(SITE "account a { maildir = \"/a\""
				   " guard_exempt = {} }",
				 &c, NULL),
		0);
	assert_int_equal(c.accounts[0].guard_exempt_count, 0);
	config_free(&c);
}

static void a_key_twice_is_refused(void **state)
{
	(void)state;
	refused("site a {\n state = \"/x\"\n state = \"/y\"\n}", 3,
		"stands in this block already, in line 2 (remove one)");
	refused(SITE "peer p {\n key = \"" KEY_A "\"\n key = \"" KEY_B "\" }",
		4, "already");
}

static void a_title_twice_is_refused(void **state)
{
	(void)state;
	refused(SITE "account a { maildir = \"/a\" }\n"
		     "account a { maildir = \"/b\" }\n",
		3, "duplicate title");
	refused(SITE "peer p { key = \"" KEY_A "\"\n"
		     " link l { via = \"dir:/a\" }\n"
		     " link l { via = \"dir:/b\" } }\n",
		4, "duplicate title");
	refused(SITE "site b { state = \"/b\" }", 0, "more than one site");
}

static void one_key_for_two_peers_is_refused(void **state)
{
	(void)state;
	refused(SITE "peer p { key = \"" KEY_A "\" }\n"
		     "peer q { key = \"" KEY_A "\" }\n",
		3, "another peer has this key");
}

static void a_missing_brace_is_refused(void **state)
{
	(void)state;
	refused("\nsite a {\n state = \"/x\"\n", 4,
		"the block begun in line 2 is not closed (add })");
	refused("site a\n state = \"/x\" }\n", 2, "wants \"= value\"");
	refused(SITE "}\n", 2, "} without {");
	refused("site a { a { b { c { d {", 1, "nested too deeply");
	refused(SITE "peer p { link l { window = { \"a\"\n", 3,
		"the list begun in line 2 is not closed");
}

static void an_unset_variable_is_refused(void **state)
{
	struct config c;

	(void)state;
	unsetenv("PB_TEST_VARIABLE");
	refused("site a {\n state = \"${PB_TEST_VARIABLE}/x\"\n}", 2,
		"${PB_TEST_VARIABLE} is not set");
	refused("site a { state = \"${PB TEST}\" }", 1,
		"not a variable's name");
	refused("site a { state = \"${\" }", 1, "without }");
	refused("site a { state = \"${}\" }", 1, "wants a name");
	refused("site a { state = ${HOME} }", 1, "unexpected '$'");
	setenv("PB_TEST_VARIABLE", "/set", 1);
	assert_int_equal(load("site a { state = \"${PB_TEST_VARIABLE}/x"
			      "${PB_TEST_OTHER:-/y}\\${HOME}\" }",
				 &c, NULL),
		0);
	assert_string_equal(c.state, "/set/x/y${HOME}");
	config_free(&c);
	setenv("PB_TEST_VARIABLE", "not absolute", 1);
	refused("site a {\n state = \"${PB_TEST_VARIABLE}\" }", 2,
		"not an absolute path");
}

static void an_unknown_key_is_refused(void **state)
{
	(void)state;
	refused("# one\n# two\nsite a {\n state = \"/x\"\n stat = \"/y\"\n}", 5,
		"no such option 'stat' (see packetboat.conf(5))");
	refused(SITE "accont a { maildir = \"/a\" }", 2, "no such option");
	refused(SITE "maildir = \"/a\"", 2, "no such option");
}

static void trailing_junk_is_refused(void **state)
{
	(void)state;
	refused(SITE "junk", 2, "wants \"= value\"");
	refused(SITE ";", 2, "unexpected ';'");
	refused("site a { state = \"/x\"; }", 1, "unexpected ';'");
	refused("site a { state = \"/x\" \"/y\" }", 1, "a key is expected");
	refused(SITE "\"", 2, "not closed");
	refused(SITE "*", 2, "unexpected '*'");
	refused(SITE "= 3", 2, "a key is expected");
}

static void strings_end_in_their_line(void **state)
{
	(void)state;
	refused("site a {\n state = \"/x\n}\naccount \"b\" {}", 2,
		"this string is not closed (add \")");
	refused("site a { state = \"/x\\n\" }", 1, "escapes");
	refused("site a { state = \"/x\t\" }", 1, "control byte");
	refused("site a { state = '/x' }", 1, "single quotes");
	refused("site a { state = /x }", 1, "go in \"\"");
	refused("site a { state = x/y }", 1, "go in \"\"");
	refused("/* site", 1, "comment is not closed");
	refused("site a {\r\n", 1, "DOS line end");
	refused("site a { state += \"/x\" }", 1, "unexpected '+'");
}

static void zero_bytes_are_refused(void **state)
{
	static const char text[] = SITE "\0 account";
	static const char inside[] = "site a { state = \"/x\0y\" }";
	struct config c;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		load_bytes(text, sizeof(text) - 1, &c, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "byte 0x00"));
	assert_int_equal(
		load_bytes(inside, sizeof(inside) - 1, &c, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "control byte"));
}

static void live_links_have_an_address_or_a_command(void **state)
{
	static const char *const good[] = {"tcp:host:4470",
		"tcp:[2001:db8::1]:4470", "tcp:192.0.2.1:1",
		"stdio:ssh host packetboat ship --stdio", "answer:"};
	static const char *const bad[] = {"tcp:", "tcp:host",
		"tcp:host:", "tcp:host:0", "tcp:host:65536", "tcp:host:1x",
		"tcp::1", "tcp:2001:db8::1:4470", "tcp:[]:1", "tcp:a host:1",
		"stdio:"};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		AUTO_FREE char *text = mem_printf(SITE "peer p { key = \"" KEY_A
						       "\"\n via = \"%s\" }",
			good[i]);
		struct config c;

		assert_int_equal(load_bytes(text, strlen(text), &c, &err), 0);
		assert_true(via_is_live(c.peers[0].links[0].via));
		config_free(&c);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		AUTO_FREE char *text = mem_printf(SITE "peer p { key = \"" KEY_A
						       "\"\n via = \"%s\" }",
			bad[i]);

		refused(text, 3,
			*bad[i] == 't' ? "is not HOST:PORT" : "names nothing");
	}
	refused(SITE "peer p { key = \"" KEY_A
		     "\" oneway = yes via = \"tcp:h:1\" }",
		2, "can acknowledge");
	refused(SITE "peer p { key = \"" KEY_A
		     "\" via = \"tcp:h:1\" every = 1h }",
		2, "a live link has none of them");
	refused(SITE "peer p { key = \"" KEY_A
		     "\" via = \"answer:\" before = \"dial\" }",
		2, "this link is answered only");
	refused(SITE "peer p { key = \"" KEY_A
		     "\" via = \"answer:\" window = { \"22:00-06:00\" } }",
		2, "this link is answered only");
}

static void accounts_of_a_peer_are_checked(void **state)
{
	static const struct {
		const char *accounts, *words;
	} cases[] = {
		{"{ \"a/b\" }", "neither / nor control bytes"},
		{"{ \"alice as *\" }", "a * on one side only"},
		{"{ alice, bob }", "there is no account \"bob\" here"},
		{"{ \"alice@ship as alice\" }", "HERE as THERE"},
		{"{ alice, alice }", "\"alice\" is taken by \"alice\""},
		{"{}", "names none"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO_FREE char *text = mem_printf(SITE
			"account alice { maildir = \"/m\" }\n"
			"peer p { key = \"" KEY_A "\" accounts = %s }",
			cases[i].accounts);

		refused(text, 3, cases[i].words);
	}
}

static void what_a_peer_may_change_is_checked(void **state)
{
	static const struct {
		const char *keys, *words;
	} cases[] = {
		{"accept = { \"no expunge\", \"no expunge\" }",
			"accept: \"no expunge\" stands there twice"},
		{"accept = {}", "accept: names nothing"},
		{"accept = { \"no expunge\" } changes = send",
			"accept: nothing is taken from this peer"},
		{"accept = { none, \"no expunge\" }",
			"accept: \"none\" and something else"},
		{"accept = { Ship, none }",
			"accept: \"none\" and something else"},
		{"accept = { \"Ship/\" }", "\"Ship/\" is no folder's name"},
		{"accept = { \"no moves\" }",
			"\"no moves\": not what a peer may"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO_FREE char *text =
			mem_printf(SITE "\npeer p { key = \"" KEY_A "\" %s }",
				cases[i].keys);

		refused(text, 3, cases[i].words);
	}
}

/* Keys of a peer's block, and what is said of them. */
struct wrong {
	const char *keys, *words;
};

static void peers_are_refused(const struct wrong *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *text =
			mem_printf(SITE "peer p { key = \"" KEY_A "\" %s }",
				cases[i].keys);

		refused(text, 2, cases[i].words);
	}
}

static void what_is_passed_on_is_checked(void **state)
{
	static const struct wrong cases[] = {
		{"relay = yes oneway = yes", "oneway, and relay"},
		{"relay = receive oneway = yes", "oneway, and relay"},
		{"relay = send send = { x }", "not yet built"},
		{"relay = receive accept = { none }", "relay, and accept"},
		{"relay = yes changes = receive", "say relay = receive"},
		{"relay = yes changes = send", "say relay = send"},
	};

	(void)state;
	peers_are_refused(cases, sizeof(cases) / sizeof(*cases));
}

static void folders_that_go_out_are_checked(void **state)
{
	static const struct wrong cases[] = {
		{"send = { \"/x\" }", "\"/x\" is no folder's name"},
		{"send = { \"!\" }", "\"\" is no folder's name"},
		{"send = {}", "send: names none"},
		{"changes = receive send = { x }", "nothing goes to this peer"},
	};

	(void)state;
	peers_are_refused(cases, sizeof(cases) / sizeof(*cases));
}

static void values_are_checked_where_they_stand(void **state)
{
	static const struct {
		const char *key, *words;
	} cases[] = {
		{"trash_size = \"12Q\"", "trash_size: not a size"},
		{"trash_size = \"99999999999999999999\"", "not a size"},
		{"trash_size = \"18014398509481984K\"", "not a size"},
		{"trash_size = \"K\"", "not a size"},
		{"trash_size = \"1KB\"", "not a size"},
		{"trash_age = \"never\"", "trash_age: not a duration"},
		{"trash_age = \"15\"", "not a duration"},
		{"trash_age = \"15 m\"", "not a duration"},
		{"trash_age = \"-1d\"", "not a duration"},
		{"reserve = 101%", "not a share"},
		{"log_cap = \"\"", "log_cap: not a share or a size"},
		{"log_cap = 101%", "not a share or a size"},
		{"log_cap = 0%", "not a share or a size"},
		{"log_cap = 0", "not a share or a size"},
		{"log_keep = 30", "log_keep: not a duration"},
		{"reserve = 10", "not a share"},
		{"syslog = on", "neither yes nor no"},
		{"reserve = \"\"", "not a share"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO_FREE char *text = mem_printf(
			"site a { state = \"/x\"\n%s }", cases[i].key);

		refused(text, 2, cases[i].words);
	}
	refused(SITE "account a {\nmaildir = \"Mail\" }", 3,
		"not an absolute path");
	refused(SITE "account a {\nmaildir = \"/x/%n\" }", 3,
		"patterns go into an accounts block");
	refused(SITE "accounts {\nmaildir = \"/x/%h\" }", 3, "only %d");
	refused(SITE "accounts {\nmaildir = \"/x/all\" }", 3, "has none of");
	refused(SITE "account a { maildir = \"/x\"\nlayout = index }", 3,
		"unknown layout");
	refused(SITE "account a { maildir = \"/x\"\nguard_least = -1 }", 3,
		"not a number");
	refused(SITE "account a { maildir = \"/x\"\n"
		     "guard_exempt = { Trash, \"a//b\" } }",
		3, "is no folder's name");
	refused(SITE "peer a {\nkey = \"pb1:short\" }", 3, "not a key line");
	refused(SITE "peer a {\nkey = \"" KEY_A ":AAAA\" }", 3,
		"not a key line");
	refused(SITE "peer a {\nkey = \"" KEY_A ";AAAAAAAAAAAAAAAA\" }", 3,
		"not a key line");
	refused(SITE "peer a {\nchanges = some }", 3, "unknown value");
	refused(SITE "peer a {\nrelay = both }", 3, "unknown value");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"/media\" }", 3,
		"unknown carrier");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:usb\" }", 3,
		"not an absolute path");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"rsync:\" }", 3,
		"names nothing");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"rsync:-e\" }", 3,
		"names nothing");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"exec:\" }", 3,
		"names nothing");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "again = soon }",
		3, "again");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "window = { Sunday } }",
		3, "not a window");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "before = \"\" }",
		3, "no command");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "every = never }",
		3, "every");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "compression = best }",
		3, "unknown compression");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "max_file = 700 }",
		3, "too small");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "budget = \"1M week\" }",
		3, "not a budget");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "budget = { \"1M day\", \"2M day UTC\" } }",
		3, "second budget for one day");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"tcp:h:1\" "
		     "worth = 0 }",
		3, "not worth a call");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"tcp:h:1\" "
		     "wait = 1h }",
		3, "wait without worth");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "worth = 1K }",
		3, "worth is for calls");
	refused(SITE "peer a { key = \"" KEY_A "\" worth = 1K }", 2,
		"worth without via");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"tcp:h:1\" "
		     "rate = 9 }",
		3, "not a rate");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "rate = 1K }",
		3, "rate is for");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "alive = 5m }",
		3, "alive is for");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"tcp:h:1\" "
		     "alive = 9s }",
		3, "too often");
	refused(SITE "peer a { key = \"" KEY_A "\"\nvia = \"dir:/x\" "
		     "hold = much }",
		3, "hold: not a size");
	static const char *const sizes[] = {"2047", "65537", "some", "0"};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		AUTO_FREE char *text = mem_printf(SITE
			"peer p { key = \"" KEY_A "\" via = \"dir:/x\"\n"
			"hold = 1M preview = %s }",
			sizes[i]);

		refused(text, 3, "preview: not a size of previews");
	}
	refused(SITE "peer p { key = \"" KEY_A "\" via = \"dir:/x\"\n"
		     "preview = 2K }",
		3, "preview without hold");
}

static void blocks_need_what_they_are_for(void **state)
{
	(void)state;
	refused("", 0, "no site block");
	refused("site a {\n}", 2, "site \"a\": no state");
	refused("site \"../a\" { state = \"/x\" }", 1, "begins with");
	refused("site \"a b\" { state = \"/x\" }", 1, "letters");
	refused("site { state = \"/x\" }", 1, "missing title");
	refused(SITE "account a { }", 2, "no maildir");
	refused(SITE "account \"../a\" { maildir = \"/x\" }", 2, "begins");
	refused(SITE "account \"a/b\" { maildir = \"/x\" }", 2, "neither /");
	refused(SITE "accounts b { maildir = \"/%n\" }", 2,
		"missing opening brace");
	refused(SITE "peer p { }", 2, "no key");
	refused(SITE "peer p { key = \"" KEY_A "\" link l { } }", 2, "no via");
	refused(SITE "peer p { key = \"" KEY_A "\" compression = slow }", 2,
		"compression without via");
	refused(SITE "peer p { key = \"" KEY_A "\" max_file = 8M }", 2,
		"max_file without via");
	refused(SITE "peer p { key = \"" KEY_A "\" hold = 1K }", 2,
		"hold without via");
	refused(SITE "peer p { key = \"" KEY_A "\" sign_only = yes }", 2,
		"sign_only without via");
	refused(SITE "peer p { key = \"" KEY_A
		     "\" via = \"tcp:h:1\" sign_only = yes }",
		2, "a live link has none of them");
	refused(SITE "peer p { key = \"" KEY_A "\" every = 1h }", 2,
		"every without via");
	refused(SITE "peer p { key = \"" KEY_A "\" again = 1h }", 2,
		"again without via");
	refused(SITE "peer p { key = \"" KEY_A "\" window = { Sun } }", 2,
		"window without via");
	refused(SITE "peer p { key = \"" KEY_A "\" after = x }", 2,
		"after without via");
	refused(SITE "peer p { key = \"" KEY_A "\" via = \"dir:/x\"\n"
		     " link l { via = \"dir:/x\" } }",
		3, "both a bare via and links");
}

static void a_bad_file_does_not_spoil_the_next(void **state)
{
	static const char *const bad[] = {"site a { state = \"/x",
		"site a { state = \"/x\" ", "/* ", "site a { stat = \"/x\" }",
		"site \"a { }", "accounts \"", "peer p { link l {"};
	struct config c;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(load(bad[i], &c, &err), ERR_USAGE);
		if (load(SITE, &c, &err) < 0)
			fail_msg("%s", err.text);
		config_free(&c);
	}
}

static void what_is_printed_loads_to_the_same(void **state)
{
	static const char text[] =
		"site x { state = \"/a \\\\ \\\" \\$ b\" syslog = yes\n"
		" trash_age = \"90m\" trash_size = 1536\n"
		" log_keep = \"2w\" log_cap = 7% }\n"
		"account \"y@z\" { maildir = \"/m\" control = \"/c\"\n"
		" layout = \"maildir++\" guard = 10%\n"
		" guard_exempt = { \"a \\\" b\", c } }\n"
		"accounts { maildir = \"/v/%d/%n/%%\" inbox = \"/i/%u\" }\n"
		"peer z { key = \"" KEY_A "\" late = never\n"
		" accounts = { \"y@z as y\", \"*@\\\"w\" }\n"
		" accept = { \"no expunge\", \"A\\\"/*\", \"!B\" }\n"
		" send = { \"A/%\", \"!A/\\\"b\" }\n"
		" link a { via = \"dir:/a\" compression = slow"
		" max_file = 650M sign_only = yes hold = 0 preview = 64K }\n"
		" link b { via = \"exec:/b x\" again = 3d every = 1h\n"
		"  window = { \"Mon-Fri 22:00-06:00\", Sun,"
		" \"12:00-12:30 UTC\" }\n"
		"  before = \"dial \\\"x\\\"\" after = hangup\n"
		"  budget = { \"300M month UTC\", \"16385 call\" }\n"
		"  hold = 1M preview = yes }\n"
		" link c { via = \"tcp:h:1\" rate = 9600 hold = 1 preview = no"
		" worth = 10K wait = never alive = 90s }\n"
		" link d { via = \"tcp:h:2\" worth = 300 } }\n"
		"peer w { key = \"" KEY_B "\" via = \"dir:/c\" late = 1500ms"
		" accept = none }";
	AUTO_BUF struct buf once = BUF_INIT, twice = BUF_INIT;
	struct config c;
	struct err err = ERR_INIT;

	(void)state;
	if (load(text, &c, &err) < 0)
		fail_msg("%s", err.text);
	config_print(&c, &once);
	config_free(&c);
	if (load_bytes(once.data, once.len, &c, &err) < 0)
		fail_msg("%s in\n%s", err.text, buf_str(&once));
	config_print(&c, &twice);
	assert_string_equal(c.state, "/a \\ \" $ b");
	assert_int_equal(c.trash_size, 1536);
	assert_int_equal(c.trash_age_s, 90 * 60);
	assert_int_equal(c.log_cap_percent, 7);
	assert_true(c.log_keep_ms == INT64_C(14) * 24 * 3600 * 1000);
	assert_int_equal(c.peers[0].late_ms, -1);
	assert_int_equal(c.peers[0].accounts.count, 2);
	assert_string_equal(c.peers[0].accounts.rules[0].there, "y");
	assert_string_equal(c.peers[0].accounts.rules[1].here, "*@\"w");
	assert_false(accept_rule_allows(&c.peers[0].accept, ACCEPT_EXPUNGE));
	assert_false(c.peers[0].accept.none);
	assert_int_equal(c.peers[0].accept.folder_count, 2);
	assert_string_equal(c.peers[0].accept.folders[0], "A\"/*");
	assert_true(c.peers[1].accept.none);
	assert_int_equal(c.peers[1].accept.folder_count, 0);
	assert_int_equal(c.peers[1].accounts.count, 0);
	assert_int_equal(c.peers[1].late_ms, 1500);
	assert_int_equal(c.peers[0].links[0].level, 19);
	assert_int_equal(c.peers[0].links[0].max_file, 650 << 20);
	assert_true(c.peers[0].links[0].hold == 0);
	assert_int_equal(c.peers[0].links[0].alive_ms, 0);
	assert_int_equal(c.peers[0].links[2].alive_ms, 90000);
	assert_int_equal(c.peers[0].links[0].preview, 65536);
	assert_int_equal(c.peers[0].links[1].preview, 2048);
	assert_int_equal(c.peers[0].links[2].preview, 0);
	assert_true(c.peers[1].links[0].hold == HOLD_NONE);
	assert_int_equal(c.peers[0].links[1].max_file, 0);
	assert_true(c.peers[0].links[0].sign_only);
	assert_false(c.peers[0].links[1].sign_only);
	const struct config_link *b = &c.peers[0].links[1];
	assert_int_equal(b->again_ms, 3 * 24 * 3600 * 1000);
	assert_int_equal(b->every_ms, 3600 * 1000);
	assert_int_equal(b->window_count, 3);
	assert_int_equal(b->windows[0].days, 0x3e);
	assert_int_equal(b->windows[1].days, 1);
	assert_true(b->windows[2].utc);
	assert_string_equal(b->before, "dial \"x\"");
	assert_string_equal(b->after, "hangup");
	assert_int_equal(b->budget.most[BUDGET_CALL], 16385);
	assert_int_equal(b->budget.most[BUDGET_DAY], 0);
	assert_int_equal(b->budget.most[BUDGET_MONTH], 300 << 20);
	assert_true(b->budget.utc[BUDGET_MONTH]);
	assert_int_equal(c.peers[0].links[2].rate, 9600);
	assert_int_equal(c.peers[0].links[2].worth, 10 << 10);
	assert_int_equal(c.peers[0].links[2].wait_ms, -1);
	assert_true(config_is_call(&c.peers[0].links[2]));
	assert_int_equal(c.peers[0].links[3].worth, 300);
	assert_int_equal(c.peers[0].links[3].wait_ms, 24 * 3600 * 1000);
	assert_int_equal(b->worth, 0);
	assert_null(c.peers[0].links[0].before);
	config_free(&c);
	assert_string_equal(buf_str(&once), buf_str(&twice));
}

static void the_file_is_found_where_it_should_be(void **state)
{
	char dir[] = "/tmp/test_config_home.XXXXXX";
	AUTO_FREE char *below = NULL, *own = NULL;
	char *found;
	struct err err = ERR_INIT;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("HOME", dir, 1);
	unsetenv("PACKETBOAT_CONF");
	own = mem_printf("%s/.config/packetboat/packetboat.conf", dir);
	if (access("/etc/packetboat/packetboat.conf", F_OK) != 0) {
		assert_int_equal(config_find(NULL, &found, &err), ERR_USAGE);
		assert_non_null(strstr(err.text, own));
		assert_non_null(strstr(err.text, "/etc/packetboat"));
	}
	below = mem_printf("mkdir -p '%s/.config/packetboat'", dir);
	assert_int_equal(system(below), 0);
	f = fopen(own, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(config_find(NULL, &found, &err), 0);
	assert_string_equal(found, own);
	free(found);
	setenv("PACKETBOAT_CONF", "/variable", 1);
	assert_int_equal(config_find(NULL, &found, &err), 0);
	assert_string_equal(found, "/variable");
	free(found);
	assert_int_equal(config_find("/given", &found, &err), 0);
	assert_string_equal(found, "/given");
	free(found);
	unlink(own);
	free(below);
	below = mem_printf("rm -r '%s'", dir);
	assert_int_equal(system(below), 0);
}

static void a_file_that_is_not_there_is_wrong_usage(void **state)
{
	struct config c;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(config_load("/nowhere/at/all", &c, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	assert_non_null(strstr(err.text, "packetboat doctor"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_manual_loads),
		cmocka_unit_test(what_is_not_written_has_its_default),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(an_empty_list_exempts_nothing),
		cmocka_unit_test(a_key_twice_is_refused),
		cmocka_unit_test(a_title_twice_is_refused),
		cmocka_unit_test(one_key_for_two_peers_is_refused),
		cmocka_unit_test(a_missing_brace_is_refused),
		cmocka_unit_test(an_unset_variable_is_refused),
		cmocka_unit_test(an_unknown_key_is_refused),
		cmocka_unit_test(trailing_junk_is_refused),
		cmocka_unit_test(strings_end_in_their_line),
		cmocka_unit_test(zero_bytes_are_refused),
		cmocka_unit_test(live_links_have_an_address_or_a_command),
		cmocka_unit_test(accounts_of_a_peer_are_checked),
		cmocka_unit_test(what_a_peer_may_change_is_checked),
		cmocka_unit_test(what_is_passed_on_is_checked),
		cmocka_unit_test(folders_that_go_out_are_checked),
		cmocka_unit_test(values_are_checked_where_they_stand),
		cmocka_unit_test(blocks_need_what_they_are_for),
		cmocka_unit_test(a_bad_file_does_not_spoil_the_next),
		cmocka_unit_test(what_is_printed_loads_to_the_same),
		cmocka_unit_test(the_file_is_found_where_it_should_be),
		cmocka_unit_test(a_file_that_is_not_there_is_wrong_usage),
	};

	return cmocka_run_group_tests(tests, make_path, drop_path);
}
