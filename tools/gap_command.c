/*
 * gap_command: `packetboat gap list` and `gap accept`.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "begun.h"
#include "err.h"
#include "front.h"
#include "gap_json.h"

#define LOCK_WAIT_MS 30000

/* ---- list ---- */

struct listing {
	struct front *front;
	struct site site;
	struct json_object *array; /* NULL: as text */
	size_t count;
	int code;
};

static void list_gap(
	struct listing *l, const char *account, const struct gap *g)
{
	AUTO_BUF struct buf line = BUF_INIT;

	l->count++;
	l->code = exit_worse(l->code, EXIT_OPERATOR);
	if (l->array) {
		json_object_array_add(l->array, gap_json(&l->site, account, g));
		return;
	}
	gaptext_print(&l->site, account, g, &line);
	printf("%s\n", buf_str(&line));
}

static int list_account(struct listing *l, const char *name, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct account a;
	struct gap *gaps;
	size_t count = 0;
	int rc = begun_open(&l->site, name, &a, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = gaptext_list(&l->site, &a, &arena, &gaps, &count, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		list_gap(l, name, &gaps[i]);
	account_close(&a);
	return rc;
}

static int list(struct front *f, bool json)
{
	struct listing l = {.front = f};
	struct err err = ERR_INIT;

	if (site_open(&l.site, f->config_given, &err) < 0)
		return front_fail(f, &err);
	if (json)
		l.array = json_object_new_array();
	for (size_t i = 0; i < l.site.account_count; i++) {
		struct err one = ERR_INIT;

		if (list_account(&l, l.site.accounts[i].name, &one) < 0)
			l.code = exit_worse(l.code, front_fail(f, &one));
	}
	if (json)
		printf("%s\n", json_object_to_json_string_ext(l.array,
				       JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (!l.count)
		printf("no gaps\n");
	json_object_put(l.array);
	site_close(&l.site);
	return l.code;
}

/* ---- accept ---- */

/* Is this gap of the folder that was named? NULL: of any. */
static bool is_of(const struct gap *g, const char *folder)
{
	AUTO_ARENA struct arena arena = {0};

	return !folder || strcmp(gaptext_folder(g, &arena), folder) == 0;
}

static int accept_all(struct front *f, struct site *s, struct account *a,
	const char *folder, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct gap *gaps;
	size_t count, accepted = 0;
	int rc = gaptext_list(s, a, &arena, &gaps, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		AUTO_BUF struct buf line = BUF_INIT;

		if (!is_of(&gaps[i], folder))
			continue;
		rc = gap_accept(a->replica, &gaps[i], err);
		gaptext_print(s, a->name, &gaps[i], &line);
		log_say(&f->log, LOG_LEVEL_INFO, "accepted: %s",
			buf_str(&line));
		accepted++;
	}
	if (rc < 0 || accepted)
		return rc;
	return err_set(err, ERR_USAGE,
		"account %s: there is no gap%s%s (packetboat gap list)",
		a->name, folder ? " of a folder " : "", folder ? folder : "");
}

static int accept_in(struct front *f, struct site *s, const char *account,
	const char *folder, struct err *err)
{
	struct account a;

	if (!site_account(s, account))
		return err_set(err, ERR_USAGE,
			"there is no account \"%s\" in %s", account,
			s->config.path);
	int rc = site_account_open(s, account, false, &a, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE,
			"account %s: nothing was logged or received yet",
			account);
	if (rc < 0)
		return rc;
	rc = account_lock(&a, LOCK_WAIT_MS, err);
	if (rc >= 0)
		rc = replica_begin(a.replica, err);
	if (rc >= 0)
		rc = accept_all(f, s, &a, folder, err);
	if (rc >= 0)
		rc = replica_commit(a.replica, err);
	replica_rollback(a.replica);
	account_close(&a);
	return rc;
}

static int accept_gaps(struct front *f, const char *account, const char *folder)
{
	struct site s;
	struct err err = ERR_INIT;

	if (site_open(&s, f->config_given, &err) < 0)
		return front_fail(f, &err);
	int rc = accept_in(f, &s, account,
		strcmp(folder, "ALL") == 0 ? NULL : folder, &err);
	site_close(&s);
	return rc < 0 ? front_fail(f, &err) : EXIT_DONE;
}

int command_gap(struct front *f, int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "accept") == 0)
		return accept_gaps(f, argv[2], argv[3]);
	bool json = argc == 3 && strcmp(argv[2], "--json") == 0;
	if ((argc == 2 || json) && strcmp(argv[1], "list") == 0)
		return list(f, json);
	return front_usage(f, argv[0]);
}
