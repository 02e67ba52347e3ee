/*
 * trash_command: `packetboat trash list` and `packetboat trash restore`.
 *
 * What replication removed lies in the mail's own trash, and the mail is
 * opened as its owner. Nothing of the state is changed: what is restored is
 * found by the writer as any mail that was delivered, and is a new dot.
 */
#include "trash_command.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "about.h"
#include "begun.h"
#include "err.h"
#include "front.h"
#include "mutf7.h"
#include "os.h"
#include "site.h"
#include "store.h"
#include "tree.h"

#define HEADER_MAX 65536u /* bytes of a mail that are looked at */

struct call {
	struct front *front;
	struct site site;
	struct trash_chosen chosen;
	const char *account, *to;
	bool restore, json, dry_run;
	struct json_object *array; /* NULL: as text */
	size_t shown;
	int code;
};

bool trash_is_chosen(
	const struct trash_chosen *c, const struct store_trashed *mail)
{
	return mail->removed_s >= c->since_s && mail->removed_s < c->until_s &&
	       (!c->folder || mutf7_same_name(mail->path, c->folder));
}

/* ---- list ---- */

/* A mail that cannot be read is listed all the same. */
static void read_about(
	struct store *s, const struct store_trashed *mail, struct about *ret)
{
	AUTO_BUF struct buf head = BUF_INIT;
	size_t want = mail->size < HEADER_MAX ? (size_t)mail->size : HEADER_MAX;
	ssize_t n;
	int fd;

	if (s->ops->trash_open(s, mail, &fd, NULL) < 0)
		return;
	n = s->os->ops->pread(s->os, fd, buf_room(&head, want), want, 0);
	s->os->ops->close(s->os, fd);
	if (n < 0)
		return;
	head.len += (size_t)n;
	about_read(&head, ret);
}

static void print_mail(struct call *c, const char *account,
	const struct store_trashed *mail, struct about *about)
{
	char hex[HASH_HEX], when[32] = "";
	time_t at = (time_t)mail->removed_s;
	struct tm tm;

	hash_hex(&mail->id, hex);
	if (localtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	if (!c->shown)
		printf("account %s\n", account);
	printf("  %.*s  %s %11llu  %s  ", TRASH_ID_SHOWN, hex, when,
		(unsigned long long)mail->size, mail->path);
	if (about->known)
		printf("%s: %s\n", buf_str(&about->from),
			buf_str(&about->subject));
	else
		printf("(not readable now)\n");
}

static void add_object(struct call *c, const char *account,
	const struct store_trashed *mail, struct about *about)
{
	struct json_object *o = json_object_new_object();
	char hex[HASH_HEX];

	hash_hex(&mail->id, hex);
	tree_text(o, "account", account);
	tree_text(o, "id", hex);
	tree_text(o, "folder", mail->path);
	tree_number(o, "removed_ms", (uint64_t)mail->removed_s * 1000);
	tree_number(o, "size", mail->size);
	tree_text(o, "flags", mail->letters);
	tree_text(o, "keywords", mail->keywords);
	tree_text(o, "from", about->known ? buf_str(&about->from) : NULL);
	tree_text(o, "subject", about->known ? buf_str(&about->subject) : NULL);
	json_object_array_add(c->array, o);
}

static void list_mails(struct call *c, const char *account, struct store *s,
	const struct store_trash *trash)
{
	c->shown = 0;
	for (size_t i = 0; i < trash->count; i++) {
		AUTO_ABOUT struct about about = {0};

		if (!trash_is_chosen(&c->chosen, &trash->mails[i]))
			continue;
		read_about(s, &trash->mails[i], &about);
		if (c->array)
			add_object(c, account, &trash->mails[i], &about);
		else
			print_mail(c, account, &trash->mails[i], &about);
		c->shown++;
	}
}

/* ---- accounts ---- */

/* The state tells whose home a folder is; there may be none yet. */
static int restore_account(struct call *c, const char *account, struct store *s,
	const struct store_trash *trash, struct err *err)
{
	struct account a;
	int rc = begun_open(&c->site, account, &a, err);
	bool begun = rc == 0;

	if (rc < 0)
		return rc;
	rc = trash_restore(c->front, account, s, begun ? &a : NULL, trash,
		&c->chosen, c->to, c->dry_run, err);
	if (begun)
		account_close(&a);
	return rc;
}

/* Returns how many were listed or restored. */
static int look_into(
	struct call *c, const struct config_account *ca, struct err *err)
{
	struct store_trash trash = {0};
	struct store *s;
	int rc = site_store_open(&c->site, ca, false, &s, err);

	if (rc == ERR_ABSENT)
		return 0; /* no mail, so nothing was removed */
	if (rc < 0)
		return rc;
	rc = s->ops->trash_list(s, &trash, err);
	if (rc >= 0 && c->restore)
		rc = restore_account(c, ca->name, s, &trash, err);
	else if (rc >= 0)
		list_mails(c, ca->name, s, &trash);
	store_trash_free(&trash);
	s->ops->close(s);
	return rc < 0	    ? err_wrap(err, "account %s", ca->name)
	       : c->restore ? rc
			    : (int)c->shown;
}

static int run_all(struct call *c)
{
	struct err err = ERR_INIT;
	size_t shown = 0;

	if (c->account && site_account_check(&c->site, c->account, &err) < 0)
		return front_fail(c->front, &err);
	if (c->json)
		c->array = json_object_new_array();
	for (size_t i = 0; i < c->site.account_count; i++) {
		const struct config_account *ca = &c->site.accounts[i];
		struct err one = ERR_INIT;

		if (c->account && strcmp(c->account, ca->name) != 0)
			continue;
		int rc = look_into(c, ca, &one);

		if (rc < 0)
			c->code =
				exit_worse(c->code, front_fail(c->front, &one));
		else
			shown += (size_t)rc;
	}
	if (c->json)
		printf("%s\n", json_object_to_json_string_ext(c->array,
				       JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (!c->restore && !shown && !c->code)
		printf("nothing is in the trash\n");
	json_object_put(c->array);
	return c->code;
}

/* ---- arguments ---- */

/* "2d" is that long ago; or a date, with or without a time, of this place. */
static int parse_time(const char *text, int64_t *ret, struct err *err)
{
	static const char *const forms[] = {
		"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"};
	struct os *os = os_real();
	int64_t ago;

	if (value_duration_ms(text, false, &ago, NULL) >= 0) {
		*ret = os->ops->wall_ns(os) / 1000000000 - ago / 1000;
		return 0;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, forms[i], &tm);

		tm.tm_isdst = -1;
		if (end && !*end) {
			*ret = (int64_t)mktime(&tm);
			return 0;
		}
	}
	return err_set(err, ERR_USAGE,
		"not a time: \"%s\" (\"2d\" ago, \"2026-11-20\" or "
		"\"2026-11-20 14:30\")",
		text);
}

/* Returns -1: not as it is called. */
static int parse(struct call *c, int argc, char **argv, struct err *err)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"dry-run", no_argument, NULL, 'n'},
		{"folder", required_argument, NULL, 'f'},
		{"since", required_argument, NULL, 's'},
		{"until", required_argument, NULL, 'u'},
		{"to", required_argument, NULL, 't'},
		{NULL, 0, NULL, 0},
	};
	int opt, rc = 0;

	optind = 0;
	while (rc >= 0 &&
		(opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			c->json = true;
			break;
		case 'n':
			c->dry_run = true;
			break;
		case 'f':
			c->chosen.folder = optarg;
			break;
		case 's':
			rc = parse_time(optarg, &c->chosen.since_s, err);
			break;
		case 'u':
			rc = parse_time(optarg, &c->chosen.until_s, err);
			break;
		case 't':
			c->to = optarg;
			break;
		default:
			return -1;
		}
	}
	if (rc < 0)
		return rc;
	c->account = optind < argc ? argv[optind++] : NULL;
	c->chosen.ids = argv + optind;
	c->chosen.id_count = (size_t)(argc - optind);
	return 0;
}

/* What belongs to one of the two is wrong with the other. */
static bool fits(const struct call *c)
{
	const struct trash_chosen *all = &c->chosen;

	if (!c->restore)
		return !c->to && !c->dry_run && !all->id_count;
	/* Not all of it for want of a word. */
	return c->account && !c->json &&
	       (all->id_count || all->folder || all->since_s ||
		       all->until_s != INT64_MAX);
}

int command_trash(struct front *f, int argc, char **argv)
{
	struct call c = {.front = f, .chosen.until_s = INT64_MAX};
	struct err err = ERR_INIT;

	c.restore = argc > 1 && strcmp(argv[1], "restore") == 0;
	if (!c.restore && (argc < 2 || strcmp(argv[1], "list") != 0))
		return front_usage(f, argv[0]);
	int rc = parse(&c, argc - 1, argv + 1, &err);

	if (err.code != ERR_NONE)
		return front_fail(f, &err);
	if (rc < 0 || !fits(&c))
		return front_usage(f, argv[0]);
	if (site_open(&c.site, f->config_given, &err) < 0)
		return front_fail(f, &err);
	c.code = run_all(&c);
	site_close(&c.site);
	return c.code;
}
