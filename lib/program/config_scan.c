/*
 * config_scan: the text of a configuration file, before libConfuse sees it.
 *
 *	file  = { key "=" value | key [ title ] "{" file "}" }
 *	value = word | string | "{" [ value { "," value } ] "}"
 *
 * libConfuse lets a repeated key win silently, reads an unset ${VARIABLE} as
 * nothing, lets a string run over lines until the next quote, skips bytes it
 * does not know, and counts a comment as three lines; a string that is not
 * closed spoils the scanner for the next file. So all of that is refused
 * here, with the line, and comments become spaces. What passes is
 * (1) balanced, every statement of the shape above; (2) without control bytes
 * but tab and newline; (3) words of letters, digits and "._%-", strings on
 * one line with the escapes \\ \" \$ only; (4) without an unset variable and
 * (5) without a key twice in one block. Which keys there are, and what their
 * values mean, is config.c's.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_private.h"
#include "err.h"
#include "mem.h"

#define DEPTH_MAX 4	  /* blocks inside blocks */
#define BLOCK_KEYS_MAX 64 /* different keys in one block */
#define VARIABLE_MAX 256  /* bytes between ${ and } */

enum token {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_STRING,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_EQUALS,
	TOKEN_COMMA
};

struct span {
	const char *at;
	size_t len;
	unsigned line;
};

struct block {
	unsigned line; /* where it was opened */
	struct span keys[BLOCK_KEYS_MAX];
	size_t key_count;
};

struct scan {
	const char *path;
	const char *at, *end;
	unsigned line;
	struct buf *out;
	struct span token; /* the last one taken */
	struct block blocks[DEPTH_MAX + 1];
	size_t depth;
};

__attribute__((format(printf, 3, 4))) static int fail(
	const struct scan *s, struct err *err, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(err, ERR_USAGE, "%s:%u: %s", s->path, s->line, text);
}

static bool word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("._%-", c));
}

/* Take n bytes as they are. */
static void keep(struct scan *s, size_t n)
{
	buf_add(s->out, s->at, n);
	s->at += n;
}

/* Take n bytes as blanks; newlines stay. */
static void blank(struct scan *s, size_t n)
{
	for (; n; n--, s->at++) {
		buf_add_byte(s->out, *s->at == '\n' ? '\n' : ' ');
		s->line += *s->at == '\n';
	}
}

static bool starts(const struct scan *s, const char *what)
{
	size_t len = strlen(what);

	return (size_t)(s->end - s->at) >= len && memcmp(s->at, what, len) == 0;
}

static int skip_comment(struct scan *s, struct err *err)
{
	size_t left = (size_t)(s->end - s->at);
	const char *to;

	if (!starts(s, "/*")) {
		to = memchr(s->at, '\n', left);
		blank(s, to ? (size_t)(to - s->at) : left);
		return 0;
	}
	to = memmem(s->at + 2, left - 2, "*/", 2);
	if (!to)
		return fail(s, err, "this comment is not closed (add */)");
	blank(s, (size_t)(to + 2 - s->at));
	return 0;
}

/* ${NAME} or ${NAME:-default} inside a string; at stands on the $. */
static int take_variable(struct scan *s, struct err *err)
{
	char name[VARIABLE_MAX];
	size_t len = 0;
	const char *close = s->at + 2;
	char *default_at;

	while (close < s->end && !strchr("}\"\n\\", *close))
		close++;
	if (close == s->end || *close != '}')
		return fail(
			s, err, "${ without } (a plain ${ is written \\${)");
	len = (size_t)(close - s->at) - 2;
	if (len == 0 || len >= sizeof(name))
		return fail(s, err, "${} wants a name of 1 to %d bytes",
			VARIABLE_MAX - 1);
	memcpy(name, s->at + 2, len);
	name[len] = '\0';
	default_at = strstr(name, ":-");
	if (default_at)
		*default_at = '\0';
	for (const char *c = name; *c; c++)
		if (!word_byte(*c) || strchr(".%-", *c))
			return fail(
				s, err, "${%s}: not a variable's name", name);
	if (!default_at && !getenv(name))
		return fail(s, err,
			"${%s} is not set (set it, or give a default: "
			"${%s:-value})",
			name, name);
	keep(s, len + 3);
	return 0;
}

static int take_string(struct scan *s, struct err *err)
{
	keep(s, 1);
	while (s->at < s->end && *s->at != '"') {
		int rc;

		if (*s->at == '\n')
			break;
		if ((unsigned char)*s->at < ' ' || *s->at == 127)
			return fail(s, err, "control byte in a string");
		if (starts(s, "${")) {
			rc = take_variable(s, err);
			if (rc < 0)
				return rc;
			continue;
		}
		if (*s->at == '\\') {
			if (s->end - s->at < 2 || !strchr("\\\"$", s->at[1]))
				return fail(s, err,
					"only \\\\, \\\" and \\$ are "
					"escapes (write \\\\ for \\)");
			keep(s, 1);
		}
		keep(s, 1);
	}
	if (s->at == s->end || *s->at != '"')
		return fail(s, err, "this string is not closed (add \")");
	keep(s, 1);
	return TOKEN_STRING;
}

/* What to do about a byte that begins no token. */
static int refuse_byte(struct scan *s, struct err *err)
{
	unsigned char c = (unsigned char)*s->at;

	if (c == '\r')
		return fail(s, err,
			"DOS line end (convert with: sed -i "
			"'s/\\r$//' %s)",
			s->path);
	if (c == '\'')
		return fail(
			s, err, "single quotes are not used here (write \")");
	if (c < ' ' || c >= 127)
		return fail(s, err, "unexpected byte 0x%02x outside quotes", c);
	return fail(s, err, "unexpected '%c' (values with it go in \"\")", c);
}

/* The next token; its kind, or an error. Its text is in s->token. */
static int next_token(struct scan *s, struct err *err)
{
	static const char marks[] = "{}=,";
	static const enum token kinds[] = {
		TOKEN_OPEN, TOKEN_CLOSE, TOKEN_EQUALS, TOKEN_COMMA};
	const char *mark;
	size_t len = 0;
	int rc;

	while (s->at < s->end) {
		if (strchr(" \t\n", *s->at) && *s->at) {
			blank(s, 1);
		} else if (*s->at == '#' || starts(s, "//") ||
			   starts(s, "/*")) {
			rc = skip_comment(s, err);
			if (rc < 0)
				return rc;
		} else {
			break;
		}
	}
	s->token = (struct span){.at = s->at, .line = s->line};
	if (s->at == s->end)
		return TOKEN_END;
	mark = *s->at ? strchr(marks, *s->at) : NULL;
	if (mark) {
		keep(s, 1);
		return (int)kinds[mark - marks];
	}
	if (*s->at == '"')
		return take_string(s, err);
	while (s->at + len < s->end && word_byte(s->at[len]))
		len++;
	if (len == 0)
		return refuse_byte(s, err);
	s->token.len = len;
	keep(s, len);
	if (s->at < s->end && (starts(s, "\"") || starts(s, "/")))
		return refuse_byte(s, err);
	return TOKEN_WORD;
}

static int add_key(struct scan *s, struct span key, struct err *err)
{
	struct block *block = &s->blocks[s->depth];

	for (size_t i = 0; i < block->key_count; i++) {
		struct span *old = &block->keys[i];

		if (old->len == key.len &&
			memcmp(old->at, key.at, key.len) == 0)
			return fail(s, err,
				"\"%.*s\" stands in this block already, in "
				"line %u (remove one)",
				(int)(key.len < 64 ? key.len : 64), key.at,
				old->line);
	}
	if (block->key_count == BLOCK_KEYS_MAX)
		return fail(s, err, "more than %d keys in one block",
			BLOCK_KEYS_MAX);
	block->keys[block->key_count++] = key;
	return 0;
}

/* The rest of a list after its "{". */
static int take_list(struct scan *s, struct err *err)
{
	bool want_value = true;
	unsigned line = s->token.line;

	for (;;) {
		int kind = next_token(s, err);

		if (kind < 0)
			return kind;
		if (kind == TOKEN_CLOSE)
			return 0;
		if (kind == TOKEN_END)
			return fail(s, err,
				"the list begun in line %u is not closed "
				"(add })",
				line);
		if (want_value != (kind == TOKEN_WORD || kind == TOKEN_STRING))
			return fail(
				s, err, "a list is written { \"a\", \"b\" }");
		want_value = !want_value;
	}
}

static int take_value(struct scan *s, struct span key, struct err *err)
{
	int rc = add_key(s, key, err), kind;

	if (rc < 0)
		return rc;
	kind = next_token(s, err);
	if (kind < 0)
		return kind;
	if (kind == TOKEN_OPEN)
		return take_list(s, err);
	if (kind != TOKEN_WORD && kind != TOKEN_STRING)
		return fail(s, err, "no value after \"=\"");
	return 0;
}

static int open_block(struct scan *s, struct err *err)
{
	if (s->depth == DEPTH_MAX)
		return fail(s, err,
			"blocks are nested too deeply (a } is missing "
			"above)");
	s->depth++;
	s->blocks[s->depth] = (struct block){.line = s->token.line};
	return 0;
}

/* What follows a key: "= value", "{", or a title and "{". */
static int take_statement(struct scan *s, struct err *err)
{
	struct span key = s->token;
	int kind = next_token(s, err);

	if (kind == TOKEN_EQUALS)
		return take_value(s, key, err);
	if (kind == TOKEN_STRING || kind == TOKEN_WORD)
		kind = next_token(s, err);
	if (kind == TOKEN_OPEN)
		return open_block(s, err);
	if (kind < 0)
		return kind;
	return fail(s, err, "\"%.*s\" wants \"= value\" or a block in { }",
		(int)(key.len < 64 ? key.len : 64), key.at);
}

static int scan_all(struct scan *s, struct err *err)
{
	for (;;) {
		int kind = next_token(s, err);

		if (kind == TOKEN_WORD)
			kind = take_statement(s, err);
		else if (kind == TOKEN_END)
			break;
		else if (kind == TOKEN_CLOSE && s->depth)
			s->depth--;
		else if (kind == TOKEN_CLOSE)
			return fail(s, err, "} without { (remove it)");
		else if (kind >= 0)
			return fail(s, err,
				"a key is expected here, such as "
				"site, account or peer");
		if (kind < 0)
			return kind;
	}
	if (s->depth)
		return fail(s, err,
			"the block begun in line %u is not closed (add })",
			s->blocks[s->depth].line);
	return 0;
}

int config_scan(const char *path, const void *text, size_t len, struct buf *ret,
	struct err *err)
{
	AUTO_FREE struct scan *s = mem_alloc(sizeof(*s));

	s->path = path;
	s->at = text;
	s->end = s->at + len;
	s->line = 1;
	s->out = ret;
	return scan_all(s, err);
}
