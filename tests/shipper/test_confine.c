/*
 * What a shipper keeps the right to open, and where mail would be in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "confine.h"
#include "err.h"

static char *top; /* DIR/mail/alice, DIR/state, DIR/media/stick, DIR/conf */

static char *in_top(const char *name)
{
	return mem_printf("%s/%s", top, name);
}

static int make(void **state)
{
	static const char *const dirs[] = {
		"mail", "mail/alice", "state", "media", "media/stick", "conf"};

	(void)state;
	top = mem_dup("/tmp/pb-confine.XXXXXX");
	assert_non_null(mkdtemp(top));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		AUTO_FREE char *dir = in_top(dirs[i]);

		assert_int_equal(mkdir(dir, 0755), 0);
	}
	return 0;
}

static int drop(void **state)
{
	AUTO_FREE char *line = mem_printf("rm -r %s", top);

	(void)state;
	assert_int_equal(system(line), 0);
	free(top);
	return 0;
}

/* A site of one account and one link, and what comes of it. */
struct fixture {
	struct arena arena;
	struct config config;
	struct config_account account;
	struct config_peer peer;
	struct config_link link;
	struct confine_plan plan;
	struct err err;
};

static const char *kept_name(struct fixture *f, const char *name)
{
	AUTO_FREE char *path = in_top(name);

	return arena_dup(&f->arena, path, strlen(path));
}

/* Paths below top; via: "dir:NAME below top", or as it is. */
static int planned(struct fixture *f, const char *maildir, const char *via,
	const char *before, bool daemon)
{
	bool is_dir = strncmp(via, "dir:", 4) == 0;
	AUTO_FREE char *whole =
		is_dir ? mem_printf("dir:%s/%s", top, via + 4) : mem_dup(via);

	*f = (struct fixture){.err = ERR_INIT};
	f->account = (struct config_account){
		.maildir = kept_name(f, maildir), .pattern = true};
	f->link = (struct config_link){
		.via = arena_dup(&f->arena, whole, strlen(whole)),
		.before = before};
	f->peer = (struct config_peer){
		.name = "there", .links = &f->link, .link_count = 1};
	f->config = (struct config){.path = kept_name(f, "conf/a.conf"),
		.state = kept_name(f, "state"),
		.accounts = &f->account,
		.account_count = 1,
		.peers = &f->peer,
		.peer_count = 1};
	struct confine_call call = {.config = &f->config, .daemon = daemon};

	return confine_plan(&call, &f->plan, &f->err);
}

static void done(struct fixture *f)
{
	confine_plan_free(&f->plan);
	arena_free(&f->arena);
}

/* -1: not at all; 0: to read; 1: to change. */
static int keeps(const struct confine_plan *plan, const char *name)
{
	AUTO_FREE char *path = in_top(name);

	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->keep[i].path, path) == 0)
			return plan->keep[i].change;
	return -1;
}

static void one_call_keeps_the_state_and_the_medium(void **state)
{
	struct fixture f;

	(void)state;
	assert_int_equal(
		planned(&f, "mail/%u", "dir:media/stick", NULL, false), 0);
	assert_int_equal(keeps(&f.plan, "state"), 1);
	assert_int_equal(keeps(&f.plan, "media/stick"), 1);
	assert_int_equal(keeps(&f.plan, "media"), -1);
	assert_int_equal(keeps(&f.plan, "conf"), -1);
	assert_int_equal(keeps(&f.plan, "mail"), -1);
	done(&f);
}

static void a_daemon_keeps_where_media_come_and_its_configuration(void **state)
{
	struct fixture f;

	(void)state;
	assert_int_equal(
		planned(&f, "mail/%u", "dir:media/stick/", NULL, true), 0);
	assert_int_equal(keeps(&f.plan, "media"), 1);
	assert_int_equal(keeps(&f.plan, "conf"), 0);
	done(&f);
	/* a stick that never was there yet */
	assert_int_equal(
		planned(&f, "mail/%u", "dir:media/a/b", NULL, true), 0);
	assert_int_equal(keeps(&f.plan, "media"), 1);
	done(&f);
}

static void refused(const char *maildir, const char *via, const char *before,
	bool daemon, const char *why)
{
	struct fixture f;

	assert_int_equal(planned(&f, maildir, via, before, daemon), ERR_USAGE);
	assert_non_null(strstr(f.err.text, why));
	done(&f);
}

static void where_mail_lies_in_what_is_kept_nothing_is_given_up(void **state)
{
	struct fixture f;

	(void)state;
	refused("state/mail/%u", "tcp:h:1", NULL, false, "the state");
	refused("media/stick/%u", "dir:media/stick", NULL, false, "dir:");
	refused("media/%u", "dir:media/stick", NULL, true, "dir:");
	refused("conf/mail", "tcp:h:1", NULL, true, "the configuration");
	/* mail beside the stick is none of one call's business */
	assert_int_equal(
		planned(&f, "media/%u", "dir:media/stick", NULL, false), 0);
	done(&f);
}

static void symbolic_links_hide_no_mail(void **state)
{
	AUTO_FREE char *name = in_top("mail/linked");
	AUTO_FREE char *to = in_top("media");

	(void)state;
	assert_int_equal(symlink(to, name), 0);
	refused("mail/linked", "dir:media/stick", NULL, true, "dir:");
	assert_int_equal(unlink(name), 0);
}

static void commands_want_all_rights(void **state)
{
	struct fixture f;

	(void)state;
	refused("mail/%u", "stdio:ssh there", NULL, false, "stdio:ssh there");
	refused("mail/%u", "rsync:there:/x", NULL, false, "rsync:");
	refused("mail/%u", "exec:/bin/by-uucp", NULL, false, "exec:");
	refused("mail/%u", "dir:media/stick", "mount", false, "\"before\"");
	assert_int_equal(planned(&f, "mail/%u", "tcp:h:1", NULL, true), 0);
	done(&f);
}

static void an_answer_and_an_output_use_no_link(void **state)
{
	struct fixture f;
	struct confine_plan plan;

	(void)state;
	planned(&f, "mail/%u", "stdio:ssh there", NULL, false);
	struct confine_call call = {.config = &f.config, .answers = true};
	assert_int_equal(confine_plan(&call, &plan, &f.err), 0);
	confine_plan_free(&plan);
	call = (struct confine_call){.config = &f.config,
		.output = kept_name(&f, "media/stick/file.pb")};
	assert_int_equal(confine_plan(&call, &plan, &f.err), 0);
	assert_int_equal(keeps(&plan, "media/stick"), 1);
	confine_plan_free(&plan);
	done(&f);
}

static void what_was_given_up_is_named_when_it_is_wanted(void **state)
{
	struct fixture has, wants;

	(void)state;
	assert_int_equal(
		planned(&has, "mail/%u", "dir:media/stick", NULL, false), 0);
	assert_null(confine_lacks(&has.plan, &has.plan));
	assert_int_equal(
		planned(&wants, "mail/%u", "dir:media/stick", NULL, true), 0);
	const char *path = confine_lacks(&has.plan, &wants.plan);
	assert_non_null(path);
	assert_string_equal(strrchr(path, '/'), "/media");
	done(&has);
	done(&wants);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_call_keeps_the_state_and_the_medium),
		cmocka_unit_test(
			a_daemon_keeps_where_media_come_and_its_configuration),
		cmocka_unit_test(
			where_mail_lies_in_what_is_kept_nothing_is_given_up),
		cmocka_unit_test(symbolic_links_hide_no_mail),
		cmocka_unit_test(commands_want_all_rights),
		cmocka_unit_test(an_answer_and_an_output_use_no_link),
		cmocka_unit_test(what_was_given_up_is_named_when_it_is_wanted),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
