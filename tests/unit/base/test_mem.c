/* Memory: growth, views, arenas that never move; the end when there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"

static void fresh_memory_is_zero_even_of_no_size(void **state)
{
	AUTO_FREE uint8_t *p = mem_array(100, 3);
	AUTO_FREE void *none = mem_alloc(0);
	AUTO_FREE void *grown = mem_grow(NULL, 0, 8);

	(void)state;
	for (int i = 0; i < 300; i++)
		assert_int_equal(p[i], 0);
	assert_non_null(none);
	assert_non_null(grown);
}

static void an_array_without_a_capacity_doubles(void **state)
{
	int *list = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		list = mem_room(list, (size_t)i, sizeof(*list));
		list[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(list[i], i);
	int *full = mem_room(list, 512, sizeof(*list));
	assert_ptr_equal(mem_room(full, 513, sizeof(*list)), full);
	assert_ptr_equal(mem_room(full, 1023, sizeof(*list)), full);
	free(full);
}

static int exit_code_of(void (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		close(STDERR_FILENO);
		fn();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* volatile: the compiler is not to see these sizes */
static volatile size_t half = SIZE_MAX / 2;

static void array_too_large(void)
{
	free(mem_array(half, 4));
}

static void grow_too_large(void)
{
	free(mem_grow(NULL, half, 4));
}

static void room_too_large(void)
{
	struct buf b = BUF_INIT;

	buf_add_byte(&b, 1);
	buf_room(&b, half * 2 + 1);
}

static void arena_too_large(void)
{
	struct arena a = {0};

	arena_alloc(&a, half * 2 + 1);
}

static void sizes_that_overflow_end_the_process(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(array_too_large), 1);
	assert_int_equal(exit_code_of(grow_too_large), 1);
	assert_int_equal(exit_code_of(room_too_large), 1);
	assert_int_equal(exit_code_of(arena_too_large), 1);
}

static void strings_are_copied_with_their_nul(void **state)
{
	AUTO_FREE char *a = mem_dup("text");
	AUTO_FREE char *b = mem_dup_n("text", 2);
	AUTO_FREE char *c = mem_dup_n(NULL, 0);
	AUTO_FREE char *d = mem_printf("%s-%d", "x", 5);

	(void)state;
	assert_string_equal(a, "text");
	assert_string_equal(b, "te");
	assert_string_equal(c, "");
	assert_string_equal(d, "x-5");
	assert_null(mem_dup(NULL));
}

static void a_buf_grows_by_any_of_its_adds(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_add(&b, NULL, 0);
	for (int i = 0; i < 1000; i++) {
		buf_add(&b, "ab", 2);
		buf_add_byte(&b, 'c');
		buf_add_str(&b, "de");
		buf_printf(&b, "%d%s", i % 10, "f");
	}
	assert_int_equal(b.len, 7000);
	assert_memory_equal(b.data + 6993, "abcde9f", 7);
	assert_int_equal(strlen(buf_str(&b)), 7000);
	assert_int_equal(b.len, 7000);
}

static void room_is_not_counted_until_it_is_used(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	uint8_t *room;

	(void)state;
	buf_add_str(&b, "ab");
	room = buf_room(&b, 5000);
	memset(room, 'x', 5000);
	assert_int_equal(b.len, 2);
	b.len += 5000;
	assert_int_equal(b.data[1], 'b');
	assert_int_equal(b.data[5001], 'x');
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_true(b.cap >= 5002);
	buf_free(&b);
	assert_null(b.data);
	assert_int_equal(b.cap, 0);
}

static void an_array_in_an_arena_keeps_what_it_has(void **state)
{
	AUTO_ARENA struct arena a = {0};
	size_t *list = NULL;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		list = arena_room(&a, list, i, sizeof(*list));
		list[i] = i;
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(list[i], i);
}

static void what_an_arena_gave_stays_where_it_is(void **state)
{
	AUTO_ARENA struct arena a = {0};
	char *given[3000];

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		size_t size = i % 100 == 99 ? 9000 : i % 50;
		uint8_t *p = arena_alloc(&a, size);

		assert_int_equal((uintptr_t)p % 8, 0);
		for (size_t k = 0; k < size; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xff, size);
		given[i] = arena_dup(&a, "0123456789", i % 11);
	}
	for (size_t i = 0; i < 3000; i++) {
		assert_int_equal(strlen(given[i]), i % 11);
		assert_memory_equal(given[i], "0123456789", i % 11);
	}
	assert_true(a.total > 30 * 9000);
	arena_free(&a);
	assert_null(a.head);
	assert_int_equal(a.total, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_memory_is_zero_even_of_no_size),
		cmocka_unit_test(an_array_without_a_capacity_doubles),
		cmocka_unit_test(sizes_that_overflow_end_the_process),
		cmocka_unit_test(strings_are_copied_with_their_nul),
		cmocka_unit_test(a_buf_grows_by_any_of_its_adds),
		cmocka_unit_test(room_is_not_counted_until_it_is_used),
		cmocka_unit_test(an_array_in_an_arena_keeps_what_it_has),
		cmocka_unit_test(what_an_arena_gave_stays_where_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
