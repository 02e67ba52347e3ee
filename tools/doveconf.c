/*
 * doveconf: parsing `doveconf -n`.
 *
 *	# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf
 *	mail_location = maildir:~/Maildir
 *	userdb {
 *	  args = uid=vmail gid=vmail home=/var/vmail/%d/%n
 *	  driver = static
 *	}
 */
#include "doveconf.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_MAX 512

struct parse {
	struct doveconf *d;
	char block[BLOCK_MAX]; /* "a/b" */
	size_t lens[32];       /* of block before each open one */
	size_t depth;
};

static const char *trim(const char *at, const char *end, size_t *ret_len)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at &&
		(end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*ret_len = (size_t)(end - at);
	return at;
}

static void open_block(struct parse *p, const char *name, size_t len)
{
	size_t used = strlen(p->block);

	if (p->depth == sizeof(p->lens) / sizeof(*p->lens) ||
		used + len + 2 > sizeof(p->block))
		return;
	p->lens[p->depth++] = used;
	if (used)
		p->block[used++] = '/';
	memcpy(p->block + used, name, len);
	p->block[used + len] = '\0';
}

static void add_setting(
	struct parse *p, const char *line, const char *equals, const char *end)
{
	struct doveconf *d = p->d;
	size_t key_len, value_len;
	const char *key = trim(line, equals, &key_len);
	const char *value = trim(equals + 1, end, &value_len);

	d->settings = mem_grow(d->settings, d->count + 1, sizeof(*d->settings));
	d->settings[d->count++] = (struct doveconf_setting){
		arena_dup(&d->arena, p->block, strlen(p->block)),
		arena_dup(&d->arena, key, key_len),
		arena_dup(&d->arena, value, value_len)};
}

static void parse_line(struct parse *p, const char *line, const char *end)
{
	size_t len;
	const char *equals;

	line = trim(line, end, &len);
	end = line + len;
	if (len == 0)
		return;
	if (*line == '#') {
		size_t version = 0;

		while (2 + version < len &&
			strchr("0123456789.", line[2 + version]))
			version++;
		if (!p->d->version[0] && len > 2 && version)
			p->d->version =
				arena_dup(&p->d->arena, line + 2, version);
	} else if (*line == '}') {
		if (p->depth)
			p->block[p->lens[--p->depth]] = '\0';
	} else if ((equals = memchr(line, '=', len))) {
		add_setting(p, line, equals, end);
	} else if (end[-1] == '{') {
		line = trim(line, end - 1, &len);
		open_block(p, line, len);
	}
}

void doveconf_parse(const char *text, size_t len, struct doveconf *ret)
{
	struct parse p = {.d = ret};
	const char *end = text + len;

	*ret = (struct doveconf){.version = ""};
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		if (!stop)
			stop = end;
		parse_line(&p, text, stop);
		text = stop + (stop < end);
	}
}

void doveconf_free(struct doveconf *d)
{
	free(d->settings);
	arena_free(&d->arena);
	*d = (struct doveconf){.version = ""};
}

static bool block_is(const char *have, const char *want)
{
	size_t len = strlen(want);

	if (len == 0)
		return have[0] == '\0';
	return strncmp(have, want, len) == 0 &&
	       (have[len] == '\0' || have[len] == ' ' || have[len] == '/');
}

const char *doveconf_get(
	const struct doveconf *d, const char *block, const char *key)
{
	for (size_t i = 0; i < d->count; i++)
		if (block_is(d->settings[i].block, block) &&
			strcmp(d->settings[i].key, key) == 0)
			return d->settings[i].value;
	return NULL;
}

static const char *dup_part(struct doveconf *d, const char *at, size_t len)
{
	return arena_dup(&d->arena, at, len);
}

/* "maildir:~/Maildir:LAYOUT=fs:CONTROL=/c" */
static void split_location(
	struct doveconf *d, const char *location, struct doveconf_mail *ret)
{
	size_t len = strcspn(location, ":");

	if (location[len] != ':') {
		ret->path = location;
		return;
	}
	ret->driver = dup_part(d, location, len);
	location += len + 1;
	len = strcspn(location, ":");
	ret->path = dup_part(d, location, len);
	while (location[len] == ':') {
		const char *key = location += len + 1, *value;

		len = strcspn(location, ":");
		value = memchr(key, '=', len);
		if (!value)
			continue;
		value++;
		value = dup_part(d, value, (size_t)(key + len - value));
		if (strncmp(key, "CONTROL=", 8) == 0)
			ret->control = value;
		else if (strncmp(key, "INDEX=", 6) == 0)
			ret->index = value;
		else if (strncmp(key, "INBOX=", 6) == 0)
			ret->inbox = value;
		else if (strncmp(key, "LAYOUT=", 7) == 0)
			ret->layout = value;
	}
}

/* home=… among the words of a static userdb's args. */
static const char *static_home(struct doveconf *d, const char *args)
{
	for (const char *at = args; (at = strstr(at, "home=")); at++)
		if (at == args || at[-1] == ' ')
			return dup_part(d, at + 5, strcspn(at + 5, " "));
	return NULL;
}

static const char *set_or(
	const struct doveconf *d, const char *key, const char *otherwise)
{
	const char *value = doveconf_get(d, "", key);

	return value && value[0] ? value : otherwise;
}

void doveconf_mail(struct doveconf *d, struct doveconf_mail *ret)
{
	const char *args = doveconf_get(d, "userdb", "args");
	const char *location = set_or(d, "mail_location", NULL);

	*ret = (struct doveconf_mail){
		.driver = "", .path = "", .layout = "maildir++"};
	if (location)
		split_location(d, location, ret);
	ret->driver = set_or(d, "mail_driver", ret->driver);
	ret->path = set_or(d, "mail_path", ret->path);
	ret->control = set_or(d, "mail_control_path", ret->control);
	ret->index = set_or(d, "mail_index_path", ret->index);
	ret->inbox = set_or(d, "mail_inbox_path", ret->inbox);
	ret->layout = set_or(d, "mailbox_list_layout", ret->layout);
	ret->home = set_or(d, "mail_home", NULL);
	if (!ret->home && args)
		ret->home = static_home(d, args);
	if (!ret->home)
		ret->home = doveconf_get(d, "userdb", "home");
}

/* ---- variables ---- */

/* The letter of ours for what stands at *at after '%'; advances; 0 none. */
static char variable(const char **at)
{
	static const struct {
		const char *name;
		char letter;
	} names[] = {
		{"{user|username}", 'n'},
		{"{user|domain}", 'd'},
		{"{user | username}", 'n'},
		{"{user | domain}", 'd'},
		{"{user}", 'u'},
		{"{username}", 'n'},
		{"{domain}", 'd'},
		{"{home}", 'h'},
		{"Lu", 'u'},
		{"Ln", 'n'},
		{"Ld", 'd'},
		{"u", 'u'},
		{"n", 'n'},
		{"d", 'd'},
		{"h", 'h'},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t len = strlen(names[i].name);

		if (strncmp(*at, names[i].name, len) == 0) {
			*at += len;
			return names[i].letter;
		}
	}
	return 0;
}

static bool add_variable(
	struct buf *b, char letter, const char *home, const char *user)
{
	const char *at = user ? strchr(user, '@') : NULL;

	if (letter == 'h') {
		if (!home)
			return false;
		buf_add_str(b, home);
	} else if (!user) {
		buf_add_byte(b, '%');
		buf_add_byte(b, (uint8_t)letter);
	} else if (letter == 'u') {
		buf_add_str(b, user);
	} else if (letter == 'n') {
		buf_add(b, user, at ? (size_t)(at - user) : strlen(user));
	} else if (at) {
		buf_add_str(b, at + 1);
	} else {
		return false;
	}
	return true;
}

const char *doveconf_path(struct arena *arena, const char *path,
	const char *home, const char *user)
{
	AUTO_BUF struct buf b = BUF_INIT;
	AUTO_FREE char *home_path = NULL;

	if (!path)
		return NULL;
	if (home && (strchr(home, '~') || strstr(home, "%h")))
		return NULL;
	if (home) {
		struct arena scratch = {0};
		const char *filled = doveconf_path(&scratch, home, NULL, user);

		home_path = mem_dup(filled);
		arena_free(&scratch);
		if (!home_path)
			return NULL;
	}
	if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
		if (!home_path)
			return NULL;
		buf_add_str(&b, home_path);
		path++;
	} else if (path[0] != '/' && path[0] != '%' && home_path) {
		buf_printf(&b, "%s/", home_path); /* relative to home */
	}
	while (*path) {
		char letter;

		if (*path != '%') {
			buf_add_byte(&b, (uint8_t)*path++);
			continue;
		}
		path++;
		letter = variable(&path);
		if (!letter || !add_variable(&b, letter, home_path, user))
			return NULL;
	}
	while (b.len > 1 && b.data[b.len - 1] == '/')
		b.len--;
	return arena_dup(arena, buf_str(&b), b.len);
}

/* ---- folders of special use ---- */

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || at[-1] == ' ') &&
			(at[len] == '\0' || at[len] == ' '))
			return true;
	return false;
}

/* The separator of the namespace that a block lies in. */
static char separator_of(
	struct doveconf *d, const char *block, size_t namespace_len)
{
	struct doveconf_mail mail;

	for (size_t i = 0; i < d->count; i++) {
		const struct doveconf_setting *s = &d->settings[i];

		if (strlen(s->block) == namespace_len &&
			memcmp(s->block, block, namespace_len) == 0 &&
			strcmp(s->key, "separator") == 0 && s->value[0])
			return s->value[0];
	}
	doveconf_mail(d, &mail);
	return strcasecmp(mail.layout, "fs") == 0 ? '/' : '.';
}

/* "namespace inbox/mailbox \"Old Mail.Trash\"": Old Mail/Trash */
static char *mailbox_name(struct doveconf *d, const char *block)
{
	static const char word[] = "mailbox ";
	const char *slash = NULL, *name = block;
	char separator, *copy;
	size_t len;

	if (strncmp(block, word, sizeof(word) - 1) != 0) {
		slash = strstr(block, "/mailbox ");
		if (!slash)
			return NULL;
		name = slash + 1;
	}
	name += sizeof(word) - 1;
	len = strlen(name);
	if (len >= 2 && name[0] == '"' && name[len - 1] == '"') {
		name++;
		len -= 2;
	}
	if (!len)
		return NULL;
	separator = separator_of(d, block, slash ? (size_t)(slash - block) : 0);
	copy = arena_alloc(&d->arena, len + 1);
	for (size_t i = 0; i < len; i++)
		copy[i] = name[i] == separator ? '/' : name[i];
	return copy;
}

size_t doveconf_transient(struct doveconf *d, const char ***ret)
{
	size_t count = 0;

	*ret = arena_alloc(&d->arena, (d->count + 1) * sizeof(**ret));
	for (size_t i = 0; i < d->count; i++) {
		const struct doveconf_setting *s = &d->settings[i];
		char *name;

		if (strcmp(s->key, "special_use") != 0 ||
			(!has_word(s->value, "\\Trash") &&
				!has_word(s->value, "\\Junk")))
			continue;
		name = mailbox_name(d, s->block);
		if (name)
			(*ret)[count++] = name;
	}
	return count;
}
