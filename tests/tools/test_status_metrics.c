/* Tests of the figures for Prometheus, from a tree as status makes it. */
#include "status_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static const char tree[] =
	"{\"now_ms\": 55999, \"operator\": [\"a\", \"b\"],"
	" \"refusals\": [{\"count\": 3}, {\"count\": 4}],"
	" \"accounts\": [{\"messages\": 3, \"gaps\": [1]},"
	"  {\"messages\": 4}],"
	" \"peers\": [{\"name\": \"a\\\"b\\\\c\\nd\","
	"  \"answered\": {\"count\": 8}, \"links\": ["
	"   {\"name\": \"\", \"there\": true, \"calls\":"
	"    {\"sent_bytes\": 18446744073709551615, \"done_ms\": 2500}},"
	"   {\"name\": \"sat\", \"there\": false, \"clears_s\": 7,"
	"    \"calls\": {\"sent_bytes\": 0}}],"
	"  \"accounts\": [{\"lag_changes\": 2, \"lag_s\": 9},"
	"   {\"lag_changes\": 5, \"lag_s\": 4, \"not_applied_there_s\": 5}]}]}";

static struct buf text;

static int setup(void **state)
{
	struct json_object *o = json_tokener_parse(tree);

	(void)state;
	assert_non_null(o);
	status_metrics(o, &text);
	json_object_put(o);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&text);
	return 0;
}

static void assert_has(const char *lines)
{
	if (!strstr(buf_str(&text), lines))
		fail_msg("no\n%s in\n%s", lines, buf_str(&text));
}

static void figures_stand_under_their_help_and_type(void **state)
{
	(void)state;
	assert_has("# HELP packetboat_messages Messages, of all accounts.\n"
		   "# TYPE packetboat_messages gauge\n"
		   "packetboat_messages 7\n");
	assert_has("packetboat_status_timestamp_seconds 55\n");
	assert_has("packetboat_operator_needed 2\n");
	assert_has("packetboat_gaps 1\n");
	assert_has("packetboat_refusals_total 7\n");
}

static void labels_are_escaped_and_links_told_apart(void **state)
{
	(void)state;
	assert_has("packetboat_peer_lag_changes{peer=\"a\\\"b\\\\c\\nd\"} 7\n");
	assert_has(
		"_peer_lag_since_timestamp_seconds{peer=\"a\\\"b\\\\c\\nd\"} "
		"46\n");
	assert_has("_peer_unapplied_since_timestamp_seconds"
		   "{peer=\"a\\\"b\\\\c\\nd\"} 50\n");
	assert_has("# TYPE packetboat_answered_calls_total counter\n"
		   "packetboat_answered_calls_total"
		   "{peer=\"a\\\"b\\\\c\\nd\"} 8\n");
	assert_has("# TYPE packetboat_link_sent_bytes_total counter\n"
		   "packetboat_link_sent_bytes_total{peer=\"a\\\"b\\\\c\\nd\","
		   "link=\"\"} 18446744073709551615\n"
		   "packetboat_link_sent_bytes_total{peer=\"a\\\"b\\\\c\\nd\","
		   "link=\"sat\"} 0\n");
	assert_has("_link_up{peer=\"a\\\"b\\\\c\\nd\",link=\"\"} 1\n");
	assert_has("_link_up{peer=\"a\\\"b\\\\c\\nd\",link=\"sat\"} 0\n");
}

static void what_is_not_known_is_left_out(void **state)
{
	const char *at;

	(void)state;
	at = strstr(buf_str(&text), "packetboat_link_clear_seconds{");
	assert_non_null(at);
	assert_null(strstr(at + 1, "packetboat_link_clear_seconds{"));
	assert_null(strstr(buf_str(&text), "\npacketboat_free_bytes "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_stand_under_their_help_and_type),
		cmocka_unit_test(labels_are_escaped_and_links_told_apart),
		cmocka_unit_test(what_is_not_known_is_left_out),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
