/*
 * explain_command: `packetboat explain`: a message's life.
 *
 * Nothing is locked or changed. Mail is opened only to find a Message-ID.
 */
#include <getopt.h>
#include <stdio.h>

#include "begun.h"
#include "err.h"
#include "explain.h"
#include "front.h"
#include "gaptext.h"
#include "mutf7.h"
#include "refused.h"
#include "tree.h"

/* A folder that was deleted is found, too, by the name that it had. */
static int find_folder(struct explain *e, const char *path, struct err *err)
{
	struct replica_folder *list = NULL;
	size_t count = 0;
	struct err first = ERR_INIT;
	int rc = begun_folder(&e->account, path, &e->arena, &e->folder, &first);

	if (rc != ERR_USAGE) {
		*err = first;
		return rc;
	}
	rc = replica_folders(e->account.replica, &e->arena, &list, &count, err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		if (!list[i].dead || !mutf7_same_name(list[i].path, path))
			continue;
		e->folder = list[i];
		explain_note(e, "folder %s was deleted", path);
		return 0;
	}
	if (rc >= 0)
		*err = first;
	return rc < 0 ? rc : ERR_USAGE;
}

static int tell(struct explain *e, struct story *s, struct json_object *tree,
	struct err *err)
{
	struct explain_logged logged = {0};
	struct json_object *message;
	int rc = explain_logs_read(e, s, &logged, err);

	if (rc >= 0)
		rc = explain_tree(e, s, &logged, &message, err);
	if (rc >= 0)
		json_object_array_add(tree_array(tree, "messages"), message);
	explain_logs_free(&logged);
	return rc;
}

/* Each message once, by however many of its dots it was found. */
static int tell_all(
	struct explain *e, struct json_object *tree, struct err *err)
{
	int rc = 0;

	tree_array(tree, "messages");
	for (size_t i = 0; rc >= 0 && i < e->dot_count; i++) {
		struct replica_message m;

		rc = replica_message_by_dot(
			e->account.replica, &e->dots[i], &e->arena, &m, err);
		if (rc == 0)
			explain_add_row(e, m.id);
	}
	for (size_t i = 0; rc >= 0 && i < e->row_count; i++) {
		struct story s;

		rc = story_read(
			e->account.replica, e->rows[i], &e->arena, &s, err);
		if (rc == 0)
			rc = tell(e, &s, tree, err);
		story_free(&s);
	}
	for (size_t i = 0; rc >= 0 && i < e->dot_count; i++) {
		struct story s;

		rc = story_read_dot(
			e->account.replica, &e->dots[i], &e->arena, &s, err);
		if (rc == 0 && !s.known)
			rc = tell(e, &s, tree, err);
		story_free(&s);
	}
	return rc;
}

static void add_notes(struct explain *e, struct json_object *tree)
{
	struct json_object *notes = tree_array(tree, "notes");

	for (size_t i = 0; i < e->note_count; i++)
		json_object_array_add(
			notes, json_object_new_string(e->notes[i]));
}

static int explain(struct explain *e, struct json_object *tree,
	const char *path, struct err *err)
{
	int rc = find_folder(e, path, err);

	if (rc < 0)
		return rc;
	uint64_t home = refused_home(&e->folder);

	tree_text(tree, "account", e->account.name);
	tree_text(tree, "folder", e->folder.path);
	tree_text(tree, "wanted", e->wanted);
	tree_text(tree, "site", e->site.config.site);
	tree_text(tree, "home",
		!home ? NULL
		: home == e->site.key.pub.origin
			? e->site.config.site
			: gaptext_peer(&e->site, home, &e->arena));
	rc = explain_find(e, err);
	if (rc >= 0)
		rc = tell_all(e, tree, err);
	add_notes(e, tree);
	return rc;
}

static void print(struct json_object *tree, bool json)
{
	AUTO_BUF struct buf text = BUF_INIT;

	if (json)
		buf_printf(&text, "%s\n",
			json_object_to_json_string_ext(
				tree, JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		explain_text(tree, &text);
	fwrite(text.data, 1, text.len, stdout);
}

static int run(struct front *f, struct explain *e, const char *account,
	const char *path, bool json)
{
	struct json_object *tree = json_object_new_object();
	struct err err = ERR_INIT;
	struct json_object *messages;
	int code = EXIT_DONE;
	int rc = site_account_check(&e->site, account, &err);

	if (rc >= 0)
		rc = begun_open(&e->site, account, &e->account, &err);
	if (rc > 0)
		rc = err_set(&err, ERR_USAGE,
			"account %s: nothing was logged yet (packetboat "
			"write)",
			account);
	if (rc == 0) {
		rc = explain(e, tree, path, &err);
		account_close(&e->account);
	}
	if (rc < 0) {
		code = front_fail(f, &err);
	} else {
		print(tree, json);
		messages = tree_array(tree, "messages");
		if (!json_object_array_length(messages))
			code = EXIT_FAILED;
	}
	json_object_put(tree);
	return code;
}

int command_explain(struct front *f, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct explain e = {.row_count = 0};
	struct err err = ERR_INIT;
	bool json = false;
	int opt, code;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'j')
			return front_usage(f, argv[0]);
		json = true;
	}
	if (argc - optind != 3)
		return front_usage(f, argv[0]);
	e.wanted = argv[optind + 2];
	if (site_open(&e.site, f->config_given, &err) < 0)
		return front_fail(f, &err);
	code = run(f, &e, argv[optind], argv[optind + 1], json);
	site_close(&e.site);
	arena_free(&e.arena);
	return code;
}
