/* A message's life, as it is told to people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "explain.h"

#define T(name) cmocka_unit_test(name)

static void assert_told(const char *json, const char *want)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct json_object *tree = json_tokener_parse(json);

	assert_non_null(tree);
	explain_text(tree, &text);
	assert_string_equal(buf_str(&text), want);
	json_object_put(tree);
}

static void what_lost_is_told_below_the_change(void **state)
{
	(void)state;
	assert_told(
		"{\"account\":\"alice\",\"folder\":\"INBOX\",\"wanted\":\"5\","
		"\"site\":\"aurora\",\"home\":\"shore\",\"messages\":[{"
		"\"lives\":true,\"folder\":\"INBOX\",\"name\":\"1.a\","
		"\"size\":9,\"uid\":5,"
		"\"dots\":[{\"site\":\"shore\",\"folder\":\"INBOX\","
		"\"lsn\":4}],"
		"\"here\":{\"folder\":\"INBOX\",\"name\":\"1.a\",\"uid\":6,"
		"\"flags\":\"S\"},"
		"\"conditions\":[{\"is\":\"late\",\"text\":\"late\","
		"\"since_ms\":1000}],"
		"\"changes\":[{\"site\":\"aurora\",\"folder\":\"INBOX\","
		"\"text\":\"7 - flags x +S\",\"lost\":[{\"what\":\"flag "
		"\\\\S\",\"site\":\"shore\",\"folder\":\"INBOX\",\"lsn\":8,"
		"\"ms\":2000,\"later\":true},{\"what\":\"uid\","
		"\"site\":\"shore\",\"folder\":\"INBOX\",\"lsn\":4,"
		"\"later\":false}]}],"
		"\"peers\":[{\"peer\":\"shore\",\"of\":1,\"known\":0,"
		"\"placed\":0,\"body\":\"held\",\"lacks\":[{"
		"\"site\":\"aurora\",\"folder\":\"INBOX\",\"lsn\":7}]}],"
		"\"logs\":[{\"folder\":\"INBOX\",\"first\":3}]}]}",
		"account alice, folder INBOX, 5: 1 message; UIDs are given by "
		"shore\n"
		"\n"
		"message in INBOX, file 1.a, UID 5, 9 bytes\n"
		"  dot        shore INBOX 4\n"
		"  here       INBOX, file 1.a, UID 6, flags S\n"
		"  now        late, since 1970-01-01 00:00:01 UTC\n"
		"  changes, by site and log\n"
		"    aurora INBOX: 7 - flags x +S\n"
		"      overwritten: flag \\S by shore INBOX 8, 1970-01-01 "
		"00:00:02 UTC\n"
		"      did not count: uid; it is as shore INBOX 4 says, as it "
		"was first seen\n"
		"  peers\n"
		"    shore  knows 0 of 1 changes, has placed 0; its body is "
		"held "
		"back (packetboat held)\n"
		"      lacks aurora INBOX 7\n"
		"  not known  what was overwritten before lsn 3 of INBOX: our "
		"log was tidied away up to there\n");
}

static void names_of_others_move_no_cursor(void **state)
{
	(void)state;
	assert_told("{\"account\":\"alice\",\"folder\":\"\\u001b[2J\","
		    "\"wanted\":\"5\",\"messages\":[],"
		    "\"notes\":[\"a\\nb\"]}",
		"account alice, folder \\x1b[2J, 5: 0 messages\n"
		"note: a\\x0ab\n");
}

static void of_what_is_gone_the_tombstone_tells(void **state)
{
	(void)state;
	assert_told("{\"account\":\"alice\",\"folder\":\"INBOX\","
		    "\"wanted\":\"5\",\"site\":\"aurora\",\"messages\":[{"
		    "\"lives\":false,\"dots\":[{\"site\":\"shore\","
		    "\"folder\":\"INBOX\",\"lsn\":4,\"dead\":true,"
		    "\"expunged\":{\"site\":\"aurora\",\"folder\":\"INBOX\","
		    "\"lsn\":9,\"ms\":3000}}],\"peers\":[{\"peer\":\"far\","
		    "\"hidden\":true}]}]}",
		"account alice, folder INBOX, 5: 1 message\n"
		"\n"
		"message that is gone\n"
		"  dot        shore INBOX 4, expunged by aurora INBOX 9, "
		"1970-01-01 00:00:03 UTC\n"
		"  peers\n"
		"    far  is not shown its folder\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_lost_is_told_below_the_change),
		T(names_of_others_move_no_cursor),
		T(of_what_is_gone_the_tombstone_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
