/*
 * accounts: the accounts that there are now, patterns expanded.
 *
 * "/var/vmail/%d/%n/Maildir": every %d, %n, %u is one or more bytes of one
 * path component. glob(3) finds candidates with * in their places; each is
 * matched back against the pattern to learn what stood there (the same letter
 * twice must have stood for the same text). The name is %u, else %n@%d, else
 * what there is of them. Only Maildirs count: a directory with a cur/ in it,
 * or in its inbox.
 *
 * A named account takes its Maildir out of all patterns.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "config_private.h"
#include "err.h"

#define ACCOUNTS_MAX 1000000u /* more matches than that are a mistake */

struct span {
	const char *at;
	size_t len;
};

/* What %d, %n and %u stood for; at NULL: not met yet. */
struct names {
	struct span domain, local, user;
};

struct found {
	struct arena *arena;
	struct config_account *items;
	size_t count, cap;
};

static struct span *name_of(struct names *names, char letter)
{
	return letter == 'd'   ? &names->domain
	       : letter == 'n' ? &names->local
			       : &names->user;
}

/*
 * Does path match pattern? The letters met are filled in. Tries the longest
 * text for a letter last, so that "%n@%d" splits at the first @.
 */
static bool match(const char *pattern, const char *path, struct names *names)
{
	struct span *span, was;

	for (; *pattern && *pattern != '%'; pattern++, path++)
		if (*pattern != *path)
			return false;
	if (!*pattern)
		return !*path;
	if (pattern[1] == '%')
		return *path == '%' && match(pattern + 2, path + 1, names);
	span = name_of(names, pattern[1]);
	if (span->at)
		return strncmp(span->at, path, span->len) == 0 &&
		       match(pattern + 2, path + span->len, names);
	was = *span;
	span->at = path;
	for (span->len = 1; path[span->len - 1] && path[span->len - 1] != '/';
		span->len++)
		if (match(pattern + 2, path + span->len, names))
			return true;
	*span = was;
	return false;
}

/* The pattern as glob(3) wants it: * for letters, the rest quoted. */
static void glob_pattern(const char *pattern, struct buf *ret)
{
	for (; *pattern; pattern++) {
		if (*pattern == '%' && *++pattern != '%') {
			buf_add_byte(ret, '*');
			continue;
		}
		if (strchr("*?[]\\", *pattern))
			buf_add_byte(ret, '\\');
		buf_add_byte(ret, (uint8_t)*pattern);
	}
}

/* The pattern with its letters put in; NULL stays NULL. */
static const char *fill_in(
	struct arena *arena, const char *pattern, struct names *names)
{
	AUTO_BUF struct buf b = BUF_INIT;

	if (!pattern)
		return NULL;
	for (; *pattern; pattern++) {
		if (*pattern != '%' || *++pattern == '%') {
			buf_add_byte(&b, (uint8_t)*pattern);
		} else {
			struct span *s = name_of(names, *pattern);

			buf_add(&b, s->at, s->len);
		}
	}
	return arena_dup(arena, buf_str(&b), b.len);
}

/*
 * What stands in for the account's name: %u, else %n@%d, else what there is
 * of them. The other letters follow from it where they were not met.
 */
static const char *account_name(struct arena *arena, struct names *n)
{
	AUTO_BUF struct buf b = BUF_INIT;
	const char *name, *at;

	if (n->user.at) {
		buf_add(&b, n->user.at, n->user.len);
	} else {
		if (n->local.at)
			buf_add(&b, n->local.at, n->local.len);
		if (n->local.at && n->domain.at)
			buf_add_byte(&b, '@');
		if (n->domain.at)
			buf_add(&b, n->domain.at, n->domain.len);
	}
	name = arena_dup(arena, buf_str(&b), b.len);
	at = strchr(name, '@');
	if (!n->local.at && n->user.at)
		n->local = (struct span){
			name, at ? (size_t)(at - name) : strlen(name)};
	if (!n->domain.at && at && at[1])
		n->domain = (struct span){at + 1, strlen(at + 1)};
	if (!n->user.at && n->local.at)
		n->user = (struct span){name, strlen(name)};
	return name;
}

static bool is_maildir(const struct config_account *a)
{
	AUTO_FREE char *cur =
		mem_printf("%s/cur", a->inbox ? a->inbox : a->maildir);
	struct stat st;

	return stat(cur, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * Owner of the Maildir. Where there is none yet it will be made for the owner
 * of the nearest directory above it, unless that is root (-1: as is).
 */
static void take_owner(struct config_account *a)
{
	AUTO_FREE char *path = mem_dup(a->maildir);
	bool there = true;
	struct stat st;
	char *slash;

	while (stat(path, &st) < 0) {
		slash = strrchr(path, '/');
		if (!slash || slash == path)
			return;
		*slash = '\0';
		there = false;
	}
	if (!there && st.st_uid == 0)
		return;
	a->uid = st.st_uid;
	a->gid = st.st_gid;
}

static void add(struct found *f, const struct config_account *a)
{
	if (f->count == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 16;
		f->items = mem_grow(f->items, f->cap, sizeof(*f->items));
	}
	f->items[f->count++] = *a;
}

/* Letters of a control, index or inbox pattern that maildir does not give. */
static int check_letters(const struct config *c,
	const struct config_account *pattern, struct names *names,
	struct err *err)
{
	const char *others[] = {
		pattern->control, pattern->index, pattern->inbox};

	for (size_t i = 0; i < 3; i++)
		for (const char *at = others[i]; at && *at; at++)
			if (*at == '%' && *++at != '%' &&
				!name_of(names, *at)->at)
				return err_set(err, ERR_USAGE,
					"%s: accounts: %%%c in \"%s\" does "
					"not follow from maildir \"%s\"",
					c->path, *at, others[i],
					pattern->maildir);
	return 0;
}

static bool is_named(const struct config *c, const char *maildir)
{
	for (size_t i = 0; i < c->account_count; i++)
		if (!c->accounts[i].pattern &&
			strcmp(c->accounts[i].maildir, maildir) == 0)
			return true;
	return false;
}

static int add_match(struct found *f, const struct config *c,
	const struct config_account *pattern, const char *path, struct err *err)
{
	struct names names = {0};
	struct config_account a = *pattern;
	int rc;

	if (!match(pattern->maildir, path, &names) || is_named(c, path))
		return 0;
	a.pattern = false;
	a.name = account_name(f->arena, &names);
	rc = check_letters(c, pattern, &names, err);
	if (rc < 0)
		return rc;
	a.maildir = arena_dup(f->arena, path, strlen(path));
	a.control = fill_in(f->arena, pattern->control, &names);
	a.index = fill_in(f->arena, pattern->index, &names);
	a.inbox = fill_in(f->arena, pattern->inbox, &names);
	if (!is_maildir(&a))
		return 0;
	rc = value_account(a.name, err);
	if (rc < 0)
		return err_wrap(err, "%s: %s", c->path, path);
	take_owner(&a);
	add(f, &a);
	return 0;
}

static int expand(struct found *f, const struct config *c,
	const struct config_account *pattern, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	glob_t matches = {0};
	int rc;

	glob_pattern(pattern->maildir, &text);
	rc = glob(buf_str(&text), GLOB_NOSORT | GLOB_ONLYDIR, NULL, &matches);
	if (rc == GLOB_NOMATCH)
		rc = 0;
	else if (rc == GLOB_NOSPACE || matches.gl_pathc > ACCOUNTS_MAX)
		rc = err_set(err, ERR_LIMIT, "%s: too many matches of %s",
			c->path, pattern->maildir);
	else if (rc != 0)
		rc = err_set_os(err, errno, "%s: reading %s", c->path,
			pattern->maildir);
	for (size_t i = 0; rc == 0 && i < matches.gl_pathc; i++)
		rc = add_match(f, c, pattern, matches.gl_pathv[i], err);
	globfree(&matches);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	const struct config_account *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->maildir, y->maildir);
}

/* Sorted: drop what two patterns found, refuse one name for two Maildirs. */
static int drop_doubles(
	struct found *f, const struct config *c, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++) {
		struct config_account *a = &f->items[i];
		struct config_account *last = &f->items[kept ? kept - 1 : 0];

		if (kept && strcmp(last->name, a->name) == 0) {
			if (strcmp(last->maildir, a->maildir) == 0)
				continue;
			return err_set(err, ERR_USAGE,
				"%s: two Maildirs for the account \"%s\": %s "
				"and %s (make the patterns narrower, or name "
				"one of them)",
				c->path, a->name, last->maildir, a->maildir);
		}
		f->items[kept++] = *a;
	}
	f->count = kept;
	return 0;
}

int config_accounts(const struct config *c, struct arena *arena,
	struct config_account **ret, size_t *ret_count, struct err *err)
{
	struct found f = {.arena = arena};
	size_t size;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->account_count; i++) {
		struct config_account a = c->accounts[i];

		if (a.pattern) {
			rc = expand(&f, c, &c->accounts[i], err);
		} else {
			take_owner(&a);
			add(&f, &a);
		}
	}
	if (rc == 0 && f.count) {
		qsort(f.items, f.count, sizeof(*f.items), by_name);
		rc = drop_doubles(&f, c, err);
	}
	if (rc == 0) {
		size = f.count * sizeof(**ret);
		*ret = arena_alloc(arena, size ? size : 1);
		if (size)
			memcpy(*ret, f.items, size);
		*ret_count = f.count;
	}
	free(f.items);
	return rc;
}
