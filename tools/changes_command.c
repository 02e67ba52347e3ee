/*
 * changes_command: `packetboat changes`: what is new since a vector.
 *
 *	log alice 41c0…/66f1…/INBOX from the log
 *	  17 2026-11-22T03:04:05.678+1 flags 9d…:12 +S -F
 *	vector alice/41c0…/66f1…/INBOX-17
 *
 * Changes of our own come as they were logged, as far back as the segments go;
 * of those before, and of other sites' logs, what stands is written out from the
 * state. Both are right for whoever knows the vector. A log is told up to where
 * it ended when it was begun: what comes meanwhile is in no vector yet.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "begun.h"
#include "err.h"
#include "front.h"
#include "logread.h"
#include "os.h"
#include "site.h"
#include "tree.h"
#include "vectortext.h"
#include "viewed.h"

#define VECTOR_FILE_MAX (64u << 20)

struct asking {
	struct front *front;
	struct site site;
	struct vector since, next;
	const char *account, *folder; /* NULL: all */
	bool json;
	int code;
	/* The log that is told. */
	const char *name; /* of its account */
	const struct replica_log *log;
	bool from_state;
	uint64_t told; /* up to this lsn */
	bool titled, titled_from_state;
};

static void print(struct buf *text)
{
	fwrite(text->data, 1, text->len, stdout);
}

static void print_object(struct json_object *o)
{
	printf("%s\n", json_object_to_json_string_ext(
			       o, JSON_C_TO_STRING_PLAIN |
					  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* ---- one change ---- */

static void print_title(struct asking *a)
{
	AUTO_BUF struct buf text = BUF_INIT;

	if (a->titled && a->titled_from_state == a->from_state)
		return;
	a->titled = true;
	a->titled_from_state = a->from_state;
	buf_printf(&text, "log %s ", a->name);
	vector_print_log(&a->log->known.log, &text);
	buf_printf(&text, " from the %s\n", a->from_state ? "state" : "log");
	print(&text);
}

static void print_json(
	struct asking *a, const struct change *c, struct buf *line)
{
	struct json_object *o = json_object_new_object();
	AUTO_BUF struct buf log = BUF_INIT;

	vector_print_log(&c->by.log, &log);
	tree_text(o, "account", a->name);
	tree_text(o, "log", buf_str(&log));
	tree_text(o, "from", a->from_state ? "state" : "log");
	tree_number(o, "lsn", c->by.lsn);
	if (c->by.stamp)
		tree_number(o, "ms", STAMP_MS(c->by.stamp));
	else
		tree_text(o, "ms", NULL);
	tree_text(o, "text", buf_str(line));
	print_object(o);
}

/* logread_fn */
static int tell(void *arg, const struct change *c, struct err *err)
{
	AUTO_BUF struct buf line = BUF_INIT;
	struct asking *a = arg;

	(void)err;
	change_print(c, &line);
	a->told = c->by.lsn;
	if (a->json) {
		print_json(a, c, &line);
		return 0;
	}
	print_title(a);
	buf_add_byte(&line, '\n');
	printf("  ");
	print(&line);
	return 0;
}

/* ---- one log ---- */

static int tell_state(struct asking *a, struct replica *r, struct err *err)
{
	uint64_t end = a->log->known.lsn, upto;
	int rc = 0;

	a->from_state = true;
	while (rc >= 0 && a->told < end) {
		struct change_batch batch = {0};

		rc = replica_write_out(r, &a->log->known.log, a->told, end,
			&batch, &upto, err);
		for (size_t i = 0; rc >= 0 && i < batch.count; i++)
			tell(a, &batch.items[i], err);
		change_batch_free(&batch);
		a->told = upto;
	}
	return rc;
}

static int tell_log(struct asking *a, struct account *account, struct err *err)
{
	struct err why = ERR_INIT;

	a->told = vector_at(&a->since, a->name, &a->log->known.log);
	if (a->told >= a->log->known.lsn)
		return 0;
	a->titled = a->from_state = false;
	if (a->log->known.log.origin == a->site.key.pub.origin &&
		logread_each(account, a->log, a->told + 1, tell, a, &why) >= 0)
		return 0;
	/* A log that is damaged is told; what it said the state knows. */
	if (why.code != ERR_NONE && why.code != ERR_ABSENT)
		a->code = exit_worse(a->code, front_fail(a->front, &why));
	return tell_state(a, account->replica, err);
}

/* ---- accounts ---- */

static int is_wanted(struct account *account, const struct replica_log *log,
	const struct replica_folder *only, struct arena *arena, struct err *err)
{
	const struct id128 *folder = &log->known.log.folder;
	struct replica_folder f;

	if (view_is_log(folder))
		return 0;
	if (!only)
		return 1;
	int rc =
		replica_folder_by_fid(account->replica, folder, arena, &f, err);

	return rc < 0 ? rc : rc == 0 && f.id == only->id;
}

static int tell_account(struct asking *a, const char *name, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs = NULL;
	struct replica_folder only;
	struct account account;
	size_t count = 0;
	int rc = begun_open(&a->site, name, &account, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	a->name = name;
	if (a->folder)
		rc = begun_folder(&account, a->folder, &arena, &only, err);
	if (rc >= 0)
		rc = replica_logs(account.replica, &arena, &logs, &count, err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		a->log = &logs[i];
		rc = is_wanted(&account, a->log, a->folder ? &only : NULL,
			&arena, err);
		if (rc <= 0)
			continue;
		rc = tell_log(a, &account, err);
		if (rc >= 0)
			vector_raise(&a->next, name, &a->log->known.log,
				a->log->known.lsn);
	}
	account_close(&account);
	return rc < 0 ? rc : 0;
}

static void print_vector(struct asking *a)
{
	AUTO_BUF struct buf text = BUF_INIT;

	vector_print(&a->next, &text);
	if (a->json) {
		struct json_object *o = json_object_new_object();

		tree_text(o, "vector", buf_str(&text));
		print_object(o);
	} else {
		printf("vector%s%s\n", text.len ? " " : "", buf_str(&text));
	}
}

/* Of an account that fails nothing is in the next vector but what was known. */
static int run(struct asking *a)
{
	struct err err = ERR_INIT;

	if (a->account && site_account_check(&a->site, a->account, &err) < 0)
		return front_fail(a->front, &err);
	for (size_t i = 0; i < a->site.account_count; i++) {
		const char *name = a->site.accounts[i].name;
		struct err one = ERR_INIT;

		if ((!a->account || strcmp(a->account, name) == 0) &&
			tell_account(a, name, &one) < 0)
			a->code =
				exit_worse(a->code, front_fail(a->front, &one));
	}
	print_vector(a);
	return a->code;
}

/* ---- arguments ---- */

/* "@FILE": more than an argument may be long. */
static int read_vector(struct asking *a, const char *given, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	int rc = 0;

	if (given[0] == '@')
		rc = file_read(
			os_real(), given + 1, VECTOR_FILE_MAX, &text, err);
	else
		buf_add_str(&text, given);
	if (rc >= 0)
		rc = vector_parse(buf_str(&text), &a->since, err);
	for (size_t i = 0; rc >= 0 && i < a->since.count; i++) {
		const struct vector_entry *e = &a->since.entries[i];

		vector_raise(&a->next, e->account, &e->log, e->lsn);
	}
	return rc;
}

int command_changes(struct front *f, int argc, char **argv)
{
	static const struct option options[] = {
		{"since", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct asking a = {.front = f};
	struct err err = ERR_INIT;
	const char *since = NULL;
	int opt, code;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 's')
			since = optarg;
		else if (opt == 'j')
			a.json = true;
		else
			return front_usage(f, argv[0]);
	}
	if (!since || argc - optind > 2)
		return front_usage(f, argv[0]);
	a.account = optind < argc ? argv[optind] : NULL;
	a.folder = argc - optind > 1 ? argv[optind + 1] : NULL;
	if (read_vector(&a, since, &err) < 0 ||
		site_open(&a.site, f->config_given, &err) < 0) {
		code = front_fail(f, &err);
	} else {
		code = run(&a);
		site_close(&a.site);
	}
	vector_free(&a.since);
	vector_free(&a.next);
	return code;
}
