/* A shell reads back the word that was meant. */
#include "mem.h"
#include "shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void is(const char *text, const char *wanted)
{
	AUTO_FREE char *word = shell_word(text);

	assert_string_equal(word, wanted);
}

static void plain_names_stay_as_they_are(void **state)
{
	(void)state;
	is("alice@example.org", "alice@example.org");
	is("INBOX/Work-2026_x.y,z", "INBOX/Work-2026_x.y,z");
}

static void others_are_quoted(void **state)
{
	(void)state;
	is("", "''");
	is("Sent Messages", "'Sent Messages'");
	is("T&APw-st", "'T&APw-st'");
	is("it's", "'it'\\''s'");
	is("-x", "'-x'");
}

static void a_shell_reads_back_what_was_meant(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char text[] = {'a', (char)c, 'b', 0}, got[8] = "";
		AUTO_FREE char *word = shell_word(text);
		AUTO_FREE char *line = mem_printf("printf %%s %s", word);
		FILE *f = popen(line, "r");

		assert_non_null(f);
		assert_int_equal(fread(got, 1, sizeof(got) - 1, f), 3);
		assert_int_equal(pclose(f), 0);
		assert_string_equal(got, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_names_stay_as_they_are),
		cmocka_unit_test(others_are_quoted),
		cmocka_unit_test(a_shell_reads_back_what_was_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
