/* The helpers on views. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store.h"

static struct store_message messages[] = {
	{.base = "a", .keywords = 0},
	{.base = "b", .keywords = 7},
	{.base = "c", .keywords = 1 << 25},
};

static const struct store_view view = {
	.messages = messages,
	.count = 3,
	.keywords = {"zeta", "Alpha", "beta"},
};

static void a_message_is_found_by_its_base(void **state)
{
	const struct store_view empty = {.count = 0};

	(void)state;
	assert_ptr_equal(store_view_find(&view, "a"), &messages[0]);
	assert_ptr_equal(store_view_find(&view, "c"), &messages[2]);
	assert_null(store_view_find(&view, "bb"));
	assert_null(store_view_find(&empty, "a"));
}

static void keywords_are_sorted_without_regard_to_case(void **state)
{
	struct arena arena = {0};

	(void)state;
	assert_string_equal(store_message_keywords(&view, &messages[1], &arena),
		"Alpha beta zeta");
	assert_string_equal(
		store_message_keywords(&view, &messages[0], &arena), "");
	/* a letter without a name is none */
	assert_string_equal(
		store_message_keywords(&view, &messages[2], &arena), "");
	arena_free(&arena);
}

static void a_freed_view_is_empty(void **state)
{
	struct store_view v = {.count = 0};
	struct store_list l = {.folder_count = 0};

	(void)state;
	v.messages = arena_alloc(&v.arena, sizeof(*v.messages));
	v.count = 1;
	store_view_free(&v);
	assert_int_equal(v.count, 0);
	store_view_free(&v);
	l.folders = arena_alloc(&l.arena, sizeof(*l.folders));
	store_list_free(&l);
	assert_null(l.folders);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_found_by_its_base),
		cmocka_unit_test(keywords_are_sorted_without_regard_to_case),
		cmocka_unit_test(a_freed_view_is_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
