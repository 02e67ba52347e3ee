/*
 * What `doveconf -n` says, of 2.3 and 2.4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "doveconf.h"

static struct doveconf_mail mail_of(struct doveconf *d, const char *text)
{
	struct doveconf_mail mail;

	doveconf_parse(text, strlen(text), d);
	doveconf_mail(d, &mail);
	return mail;
}

static void a_location_of_2_3_is_split(void **state)
{
	struct doveconf d;
	struct doveconf_mail m = mail_of(&d,
		"# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf\n"
		"# Hostname: vm\n"
		"mail_location = maildir:~/Maildir:LAYOUT=fs:INDEX=/i/%u:"
		"CONTROL=/c/%u:INBOX=~/in\n"
		"userdb {\n"
		"  args = uid=vmail gid=vmail home=/srv/%d/%n\n"
		"  driver = static\n"
		"}\n");

	(void)state;
	assert_string_equal(d.version, "2.3.19.1");
	assert_string_equal(m.driver, "maildir");
	assert_string_equal(m.path, "~/Maildir");
	assert_string_equal(m.layout, "fs");
	assert_string_equal(m.index, "/i/%u");
	assert_string_equal(m.control, "/c/%u");
	assert_string_equal(m.inbox, "~/in");
	assert_string_equal(m.home, "/srv/%d/%n");
	doveconf_free(&d);
}

static void the_settings_of_2_4_are_read(void **state)
{
	struct doveconf d;
	struct doveconf_mail m = mail_of(&d,
		"# 2.4.4 (x): /etc/dovecot/dovecot.conf\n"
		"mail_driver = maildir\n"
		"mail_path = ~/Maildir\n"
		"mail_control_path = /c/%{user}\n"
		"mailbox_list_layout = maildir++\n"
		"userdb static {\n"
		"  fields {\n"
		"    home = /srv/%{user | domain}/%{user | username}\n"
		"  }\n"
		"}\n");

	(void)state;
	assert_string_equal(d.version, "2.4.4");
	assert_string_equal(m.driver, "maildir");
	assert_string_equal(m.path, "~/Maildir");
	assert_string_equal(m.control, "/c/%{user}");
	assert_string_equal(m.layout, "maildir++");
	assert_string_equal(m.home, "/srv/%{user | domain}/%{user | username}");
	doveconf_free(&d);
}

static void nothing_said_is_nothing_known(void **state)
{
	struct doveconf d;
	struct doveconf_mail m = mail_of(&d, "");

	(void)state;
	assert_string_equal(m.driver, "");
	assert_string_equal(m.path, "");
	assert_string_equal(m.layout, "maildir++");
	assert_null(m.home);
	doveconf_free(&d);
}

static void a_setting_belongs_to_its_block(void **state)
{
	static const char text[] = "protocol imap {\n"
				   "  mail_location = mbox:~/x\n"
				   "}\n"
				   "namespace inbox {\n"
				   "  mailbox Drafts {\n"
				   "    special_use = \\Drafts\n"
				   "  }\n"
				   "  prefix = a\n"
				   "}\n"
				   "maildir_very_dirty_syncs = yes";
	struct doveconf d;

	(void)state;
	doveconf_parse(text, sizeof(text) - 1, &d);
	assert_null(doveconf_get(&d, "", "mail_location"));
	assert_string_equal(doveconf_get(&d, "namespace", "prefix"), "a");
	assert_null(doveconf_get(&d, "names", "prefix"));
	assert_string_equal(doveconf_get(&d, "namespace inbox/mailbox Drafts",
				    "special_use"),
		"\\Drafts");
	assert_string_equal(
		doveconf_get(&d, "", "maildir_very_dirty_syncs"), "yes");
	doveconf_free(&d);
}

static void nonsense_is_survived(void **state)
{
	static const char *const texts[] = {"}\n}\n}\na = b\n",
		"{\n{\n = \n#\n# \n", "a {\n", "=", "{", "\n\n",
		"a { b { c { d { e { f {\n x = y\n"};
	struct doveconf d;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		doveconf_parse(texts[i], strlen(texts[i]), &d);
		doveconf_free(&d);
	}
}

static void paths_become_patterns_or_paths(void **state)
{
	static const struct {
		const char *path, *home, *user, *want;
	} cases[] = {
		{"~/Maildir", "/home/%u", NULL, "/home/%u/Maildir"},
		{"~/Maildir", "/home/x", "x", "/home/x/Maildir"},
		{"~", "/home/x", "x", "/home/x"},
		{"%h/Maildir/", "/srv/%Ld/%Ln", NULL, "/srv/%d/%n/Maildir"},
		{"%{home}/M", "/srv/%{user|domain}/%{user | username}", NULL,
			"/srv/%d/%n/M"},
		{"/v/%{user}", NULL, NULL, "/v/%u"},
		{"/v/%d/%n", NULL, "a@b", "/v/b/a"},
		{"/v/%n", NULL, "a", "/v/a"},
		{"mail", "/home/x", "x", "/home/x/mail"},
		{"/v/%d", NULL, "a", NULL},
		{"/v/%2.256Nu", NULL, NULL, NULL},
		{"~/M", NULL, NULL, NULL},
		{"~/M", "~", NULL, NULL},
		{NULL, "/h", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arena arena = {0};
		const char *got = doveconf_path(
			&arena, cases[i].path, cases[i].home, cases[i].user);

		if (cases[i].want)
			assert_string_equal(got, cases[i].want);
		else
			assert_null(got);
		arena_free(&arena);
	}
}

static void special_use_names_folders_that_are_emptied(void **state)
{
	static const char text[] = "mail_location = maildir:~/Maildir\n"
				   "namespace inbox {\n"
				   "  mailbox Drafts {\n"
				   "    special_use = \\Drafts\n"
				   "  }\n"
				   "  mailbox \"Old Mail.Papierkorb\" {\n"
				   "    auto = create\n"
				   "    special_use = \\Trash\n"
				   "  }\n"
				   "  mailbox Kram {\n"
				   "    special_use = \\Flagged \\Junk\n"
				   "  }\n"
				   "  mailbox Kept {\n"
				   "    special_use = \\TrashNot\n"
				   "  }\n"
				   "  prefix =\n"
				   "}\n"
				   "namespace other {\n"
				   "  mailbox A.B/C {\n"
				   "    special_use = \\Trash\n"
				   "  }\n"
				   "  separator = /\n"
				   "}\n";
	struct doveconf d;
	const char **names;

	(void)state;
	doveconf_parse(text, sizeof(text) - 1, &d);
	assert_int_equal(doveconf_transient(&d, &names), 3);
	assert_string_equal(names[0], "Old Mail/Papierkorb");
	assert_string_equal(names[1], "Kram");
	assert_string_equal(names[2], "A.B/C");
	doveconf_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_location_of_2_3_is_split),
		cmocka_unit_test(the_settings_of_2_4_are_read),
		cmocka_unit_test(nothing_said_is_nothing_known),
		cmocka_unit_test(a_setting_belongs_to_its_block),
		cmocka_unit_test(nonsense_is_survived),
		cmocka_unit_test(paths_become_patterns_or_paths),
		cmocka_unit_test(special_use_names_folders_that_are_emptied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
