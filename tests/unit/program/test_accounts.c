/*
 * Patterns against a real tree of Maildirs.
 */
#include <ftw.h>
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
#include "os.h"

static char root[64];

static int make_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/test_accounts.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int drop_root(void **state)
{
	(void)state;
	return dir_remove(os_real(), root, NULL);
}

static void make_dir(const char *below)
{
	AUTO_FREE char *path = mem_printf("%s/%s", root, below);
	struct err err = ERR_INIT;

	if (dir_make(os_real(), path, 0700, &err) < 0)
		fail_msg("%s", err.text);
}

/* text has %R for the root; the accounts end up in *a. */
static int accounts_of(const char *text, struct config *c,
	struct config_account **a, size_t *count, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/conf", root);
	FILE *f = fopen(path, "w");
	int rc;

	assert_non_null(f);
	fputs("site s { state = \"/s\" }\n", f);
	for (; *text; text++)
		if (strncmp(text, "%R", 2) == 0) {
			fputs(root, f);
			text++;
		} else {
			fputc(*text, f);
		}
	fclose(f);
	rc = config_load(path, c, err);
	return rc < 0 ? rc : config_accounts(c, &c->arena, a, count, err);
}

static void expect(const char *text, const char *const *names)
{
	struct config c = {0};
	struct config_account *a;
	struct err err = ERR_INIT;
	size_t count, i;

	if (accounts_of(text, &c, &a, &count, &err) < 0)
		fail_msg("%s", err.text);
	for (i = 0; names[i] && i < count; i++) {
		assert_string_equal(a[i].name, names[i]);
		assert_false(a[i].pattern);
	}
	assert_int_equal(i, count);
	assert_null(names[i]);
	config_free(&c);
}

static void domain_and_local_part_make_the_name(void **state)
{
	(void)state;
	make_dir("v/example.org/bob/Maildir/cur");
	make_dir("v/example.org/alice/Maildir/cur");
	make_dir("v/example.net/alice/Maildir/cur");
	make_dir("v/example.net/empty/Maildir");
	make_dir("v/example.net/other/cur");
	expect("accounts { maildir = \"%R/v/%d/%n/Maildir\" }",
		(const char *[]){"alice@example.net", "alice@example.org",
			"bob@example.org", NULL});
}

static void one_component_may_hold_both(void **state)
{
	(void)state;
	make_dir("u/alice@example.org/cur");
	make_dir("u/plain/cur");
	expect("accounts { maildir = \"%R/u/%u\" }",
		(const char *[]){"alice@example.org", "plain", NULL});
	expect("accounts { maildir = \"%R/u/%n@%d\" }",
		(const char *[]){"alice@example.org", NULL});
	expect("accounts { maildir = \"%R/u/%n\" }",
		(const char *[]){"alice@example.org", "plain", NULL});
}

static void a_letter_twice_is_the_same_text(void **state)
{
	(void)state;
	make_dir("w/a/a/cur");
	make_dir("w/a/b/cur");
	expect("accounts { maildir = \"%R/w/%n/%n\" }",
		(const char *[]){"a", NULL});
}

static void special_bytes_in_a_pattern_are_themselves(void **state)
{
	(void)state;
	make_dir("x*[1]/a%b/cur");
	make_dir("xyz1/other/cur");
	expect("accounts { maildir = \"%R/x*[1]/%n%%b\" }",
		(const char *[]){"a", NULL});
}

static void a_named_account_leaves_the_patterns(void **state)
{
	struct config c = {0};
	struct config_account *a;
	size_t count;

	(void)state;
	assert_int_equal(
		accounts_of("account mine { maildir = \"%R/u/plain\"\n"
			    " guard = 7% }\n"
			    "account gone { maildir = \"%R/u/gone\" }\n"
			    "accounts { maildir = \"%R/u/%u\" }",
			&c, &a, &count, NULL),
		0);
	assert_int_equal(count, 3);
	assert_string_equal(a[0].name, "alice@example.org");
	assert_string_equal(a[1].name, "gone");
	assert_int_equal(a[1].uid, getuid() ? getuid() : (uid_t)-1);
	assert_string_equal(a[2].name, "mine");
	assert_int_equal(a[2].guard_percent, 7);
	assert_int_equal(a[2].uid, getuid());
	config_free(&c);
}

static void the_owner_of_the_maildir_is_the_accounts(void **state)
{
	struct config c = {0};
	struct config_account *a;
	AUTO_FREE char *path = mem_printf("%s/o/carol", root);
	size_t count;

	(void)state;
	if (getuid() != 0)
		return;
	make_dir("o/carol/cur");
	assert_int_equal(chown(path, 5001, 5002), 0);
	assert_int_equal(accounts_of("accounts { maildir = \"%R/o/%n\" }", &c,
				 &a, &count, NULL),
		0);
	assert_int_equal(count, 1);
	assert_int_equal(a[0].uid, 5001);
	assert_int_equal(a[0].gid, 5002);
	config_free(&c);
	/* one to be made below carol's directory will be carol's */
	assert_int_equal(
		accounts_of("account c { maildir = \"%R/o/carol/x/Maildir\" }",
			&c, &a, &count, NULL),
		0);
	assert_int_equal(a[0].uid, 5001);
	assert_int_equal(a[0].gid, 5002);
	config_free(&c);
}

static void other_paths_are_filled_in(void **state)
{
	struct config c = {0};
	struct config_account *a;
	struct err err = ERR_INIT;
	size_t count;

	(void)state;
	make_dir("z/org/dave/cur");
	assert_int_equal(
		accounts_of("accounts { maildir = \"%R/z/%d/%n\"\n"
			    " control = \"/c/%n-%d\" index = \"/i/%u%%\" }",
			&c, &a, &count, NULL),
		0);
	assert_int_equal(count, 1);
	assert_string_equal(a[0].control, "/c/dave-org");
	assert_string_equal(a[0].index, "/i/dave@org%");
	config_free(&c);
	make_dir("zu/dave@org/cur");
	assert_int_equal(accounts_of("accounts { maildir = \"%R/zu/%u\"\n"
				     " control = \"/c/%n\" index = \"/i/%d\" }",
				 &c, &a, &count, NULL),
		0);
	assert_int_equal(count, 1);
	assert_string_equal(a[0].control, "/c/dave");
	assert_string_equal(a[0].index, "/i/org");
	config_free(&c);
	assert_int_equal(accounts_of("accounts { maildir = \"%R/z/org/%n\"\n"
				     " control = \"/c/%d\" }",
				 &c, &a, &count, &err),
		ERR_USAGE);
	assert_non_null(strstr(err.text, "%d in \"/c/%d\""));
	config_free(&c);
}

static void an_inbox_elsewhere_makes_a_maildir(void **state)
{
	(void)state;
	make_dir("f/erin/mail");
	make_dir("f/erin/inbox/cur");
	expect("accounts { maildir = \"%R/f/%n/mail\"\n"
	       " inbox = \"%R/f/%n/inbox\" }",
		(const char *[]){"erin", NULL});
}

static void two_patterns_may_find_one_maildir_but_not_one_name(void **state)
{
	struct config c = {0};
	struct config_account *a;
	struct err err = ERR_INIT;
	size_t count;

	(void)state;
	expect("accounts { maildir = \"%R/u/%u\" }\n"
	       "accounts { maildir = \"%R/u/%n\" }",
		(const char *[]){"alice@example.org", "plain", NULL});
	make_dir("u2/plain/cur");
	assert_int_equal(accounts_of("accounts { maildir = \"%R/u/%u\" }\n"
				     "accounts { maildir = \"%R/u2/%u\" }",
				 &c, &a, &count, &err),
		ERR_USAGE);
	assert_non_null(strstr(err.text, "two Maildirs"));
	assert_non_null(strstr(err.text, "/u2/plain"));
	config_free(&c);
}

static void no_match_is_no_account(void **state)
{
	(void)state;
	expect("accounts { maildir = \"%R/nothing/%u\" }",
		(const char *[]){NULL});
	expect("", (const char *[]){NULL});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domain_and_local_part_make_the_name),
		cmocka_unit_test(one_component_may_hold_both),
		cmocka_unit_test(a_letter_twice_is_the_same_text),
		cmocka_unit_test(special_bytes_in_a_pattern_are_themselves),
		cmocka_unit_test(a_named_account_leaves_the_patterns),
		cmocka_unit_test(the_owner_of_the_maildir_is_the_accounts),
		cmocka_unit_test(other_paths_are_filled_in),
		cmocka_unit_test(an_inbox_elsewhere_makes_a_maildir),
		cmocka_unit_test(
			two_patterns_may_find_one_maildir_but_not_one_name),
		cmocka_unit_test(no_match_is_no_account),
	};

	return cmocka_run_group_tests(tests, make_root, drop_root);
}
