/*
 * config_value: the values of a configuration file, from text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_private.h"
#include "err.h"

#define RATE_LEAST 10 /* bytes a second: 80 bit/s, as HF radio has it */
#define RATE_MOST (UINT64_C(1) << 40)
#define MAX_FILE_LEAST (UINT64_C(8) << 20)

/* Digits at the start of text. Returns what follows, or NULL (none, or over
   max). */
static const char *take_number(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (n > (max - digit) / 10)
			return NULL;
		n = n * 10 + digit;
	}
	*ret = n;
	return text;
}

static bool printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return false;
	return true;
}

int value_size(const char *text, uint64_t *ret, struct err *err)
{
	static const char units[] = "KMGT";
	uint64_t n = 0;
	const char *rest = take_number(text, UINT64_MAX, &n);
	const char *unit = rest && *rest ? strchr(units, *rest) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

	if (!rest || (*rest && (!unit || rest[1])) || n > UINT64_MAX >> shift)
		return err_set(err, ERR_USAGE,
			"not a size: \"%s\" (write 300, \"200K\", \"10M\" or "
			"\"1G\")",
			text);
	if (ret)
		*ret = n << shift;
	return 0;
}

int value_max_file(const char *text, uint64_t *ret, struct err *err)
{
	uint64_t size;
	int rc = value_size(text, &size, err);

	if (rc < 0)
		return rc;
	if (size < MAX_FILE_LEAST)
		return err_set(err, ERR_USAGE,
			"too small: \"%s\" (8M at least: a file holds one "
			"parcel or more)",
			text);
	if (ret)
		*ret = size;
	return 0;
}

int value_preview(const char *text, uint32_t *ret, struct err *err)
{
	uint64_t size = CONFIG_PREVIEW_LEAST;
	bool on = true;

	if (value_bool(text, &on, NULL) < 0 &&
		(value_size(text, &size, NULL) < 0 ||
			size < CONFIG_PREVIEW_LEAST ||
			size > CONFIG_PREVIEW_MOST))
		return err_set(err, ERR_USAGE,
			"not a size of previews: \"%s\" (2K to 64K; yes is "
			"2K)",
			text);
	if (ret)
		*ret = on ? (uint32_t)size : 0;
	return 0;
}

int value_rate(const char *text, uint64_t *ret, struct err *err)
{
	uint64_t rate;
	int rc = value_size(text, &rate, err);

	if (rc < 0)
		return rc;
	if (rate < RATE_LEAST || rate > RATE_MOST)
		return err_set(err, ERR_USAGE,
			"not a rate: \"%s\" (bytes a second, 10 at least)",
			text);
	if (ret)
		*ret = rate;
	return 0;
}

int value_duration_ms(
	const char *text, bool may_be_never, int64_t *ret, struct err *err)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{"ms", 1},
		{"s", 1000},
		{"m", 60 * 1000},
		{"h", 3600 * 1000},
		{"d", 24 * 3600 * 1000},
		{"w", 7 * 24 * 3600 * 1000},
	};
	int64_t ms = may_be_never && strcmp(text, "never") == 0 ? -1 : -2;
	uint64_t n = 0;
	const char *rest = take_number(text, 1000000000, &n);

	for (size_t i = 0; rest && i < sizeof(units) / sizeof(*units); i++)
		if (strcmp(rest, units[i].name) == 0)
			ms = (int64_t)n * units[i].ms;
	if (ms == -2)
		return err_set(err, ERR_USAGE,
			"not a duration: \"%s\" (write \"30s\", \"15m\", "
			"\"12h\" or \"30d\"%s)",
			text, may_be_never ? ", or \"never\"" : "");
	if (ret)
		*ret = ms;
	return 0;
}

int value_percent(const char *text, unsigned *ret, struct err *err)
{
	uint64_t n = 0;
	const char *rest = take_number(text, 100, &n);

	if (!rest || strcmp(rest, "%") != 0)
		return err_set(err, ERR_USAGE,
			"not a share: \"%s\" (write \"10%%\", 0 to 100)", text);
	if (ret)
		*ret = (unsigned)n;
	return 0;
}

int value_cap(const char *text, uint64_t *ret_size, unsigned *ret_percent,
	struct err *err)
{
	uint64_t size = 0;
	unsigned percent = 0;

	if (value_percent(text, &percent, NULL) < 0)
		(void)value_size(text, &size, NULL);
	if (!size && !percent)
		return err_set(err, ERR_USAGE,
			"not a share or a size: \"%s\" (write \"10%%\" or "
			"\"2G\")",
			text);
	if (ret_size) {
		*ret_size = size;
		*ret_percent = percent;
	}
	return 0;
}

int value_count(const char *text, unsigned *ret, struct err *err)
{
	uint64_t n = 0;
	const char *rest = take_number(text, 1000000000, &n);

	if (!rest || *rest)
		return err_set(err, ERR_USAGE,
			"not a number from 0 to 1000000000: \"%s\"", text);
	if (ret)
		*ret = (unsigned)n;
	return 0;
}

int value_bool(const char *text, bool *ret, struct err *err)
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return err_set(
			err, ERR_USAGE, "\"%s\" is neither yes nor no", text);
	if (ret)
		*ret = yes;
	return 0;
}

static int check_path(const char *text, struct err *err)
{
	if (text[0] != '/')
		return err_set(err, ERR_USAGE,
			"\"%s\" is not an absolute path (begin with /, or "
			"\"${HOME}/...\")",
			text);
	if (strlen(text) > CONFIG_PATH_MAX)
		return err_set(err, ERR_USAGE, "a path of more than %u bytes",
			CONFIG_PATH_MAX);
	if (!printable(text))
		return err_set(err, ERR_USAGE, "control byte in a path");
	return 0;
}

int value_path(const char *text, struct err *err)
{
	if (strchr(text, '%'))
		return err_set(err, ERR_USAGE,
			"%% in \"%s\": patterns go into an accounts block",
			text);
	return check_path(text, err);
}

int value_pattern(const char *text, struct err *err)
{
	bool names_user = false;

	for (const char *c = text; *c; c++) {
		if (*c != '%')
			continue;
		c++;
		if (!*c || !strchr("dnu%", *c))
			return err_set(err, ERR_USAGE,
				"\"%s\": only %%d (domain), %%n (local part), "
				"%%u (both) and %%%% may stand in a pattern",
				text);
		names_user |= *c != '%';
	}
	if (!names_user)
		return err_set(err, ERR_USAGE,
			"\"%s\" has none of %%u, %%n and %%d (for one account "
			"write: account \"name\" { })",
			text);
	return check_path(text, err);
}

int value_layout(const char *text, int *ret, struct err *err)
{
	int layout = strcmp(text, "auto") == 0	      ? LAYOUT_AUTO
		     : strcmp(text, "maildir++") == 0 ? LAYOUT_MAILDIRPP
		     : strcmp(text, "fs") == 0	      ? LAYOUT_FS
						      : -1;

	if (layout < 0)
		return err_set(err, ERR_USAGE,
			"unknown layout \"%s\" (\"auto\", \"maildir++\" or "
			"\"fs\")",
			text);
	if (ret)
		*ret = layout;
	return 0;
}

int value_compression(const char *text, int *ret, struct err *err)
{
	int level = strcmp(text, "fast") == 0	? 3
		    : strcmp(text, "slow") == 0 ? 19
						: -1;

	if (level < 0)
		return err_set(err, ERR_USAGE,
			"unknown compression \"%s\" (\"fast\", or \"slow\" for "
			"a slow link)",
			text);
	if (ret)
		*ret = level;
	return 0;
}

int value_changes(const char *text, int *ret, struct err *err)
{
	int changes = strcmp(text, "both") == 0	     ? CHANGES_BOTH
		      : strcmp(text, "send") == 0    ? CHANGES_SEND
		      : strcmp(text, "receive") == 0 ? CHANGES_RECEIVE
						     : -1;

	if (changes < 0)
		return err_set(err, ERR_USAGE,
			"unknown value \"%s\" (\"send\", \"receive\" or "
			"\"both\")",
			text);
	if (ret)
		*ret = changes;
	return 0;
}

int value_relay(const char *text, int *ret, struct err *err)
{
	int relay = strcmp(text, "no") == 0	   ? RELAY_NO
		    : strcmp(text, "yes") == 0	   ? RELAY_YES
		    : strcmp(text, "send") == 0	   ? RELAY_SEND
		    : strcmp(text, "receive") == 0 ? RELAY_RECEIVE
						   : -1;

	if (relay < 0)
		return err_set(err, ERR_USAGE,
			"unknown value \"%s\" (\"no\", \"yes\", \"send\" or "
			"\"receive\")",
			text);
	if (ret)
		*ret = relay;
	return 0;
}

/* A control character would spoil messages; a dash an option of rsync's. */
static int check_words(const char *text, const char *scheme,
	const char *example, struct err *err)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			return err_set(err, ERR_USAGE,
				"a control character in \"%s\"", scheme);
	if (!text[0] || text[0] == '-')
		return err_set(err, ERR_USAGE,
			"\"%s%s\" names nothing (for example \"%s%s\")", scheme,
			text, scheme, example);
	return 0;
}

int value_command(const char *text, struct err *err)
{
	return text[0] ? 0 : err_set(err, ERR_USAGE, "no command");
}

bool via_is_live(const char *via)
{
	return strncmp(via, "tcp:", 4) == 0 || strncmp(via, "stdio:", 6) == 0 ||
	       via_is_answered(via);
}

bool via_is_answered(const char *via)
{
	return strcmp(via, "answer:") == 0;
}

int via_tcp_split(
	const char *where, char **ret_host, char **ret_port, struct err *err)
{
	const char *colon = strrchr(where, ':');
	size_t len = colon ? (size_t)(colon - where) : 0;
	bool bracket = len > 2 && where[0] == '[' && where[len - 1] == ']';
	uint64_t port = 0;
	const char *end = colon ? take_number(colon + 1, 65535, &port) : NULL;

	if (!len || !end || *end || !port || strchr(where, ' ') ||
		(!bracket && strcspn(where, ":[]") < len))
		return err_set(err, ERR_USAGE,
			"\"%s\" is not HOST:PORT (write shore.example.org:4470 "
			"or [2001:db8::1]:4470)",
			where);
	*ret_host =
		bracket ? mem_dup_n(where + 1, len - 2) : mem_dup_n(where, len);
	*ret_port = mem_dup(colon + 1);
	return 0;
}

int value_listen(const char *text, struct err *err)
{
	AUTO_FREE char *host = NULL, *port = NULL;

	return via_tcp_split(text, &host, &port, err);
}

int value_via(const char *text, struct err *err)
{
	if (strncmp(text, "rsync:", 6) == 0)
		return check_words(text + 6,
			"rsync:", "shore.example.org:/srv/exchange", err);
	if (strncmp(text, "exec:", 5) == 0)
		return check_words(
			text + 5, "exec:", "/usr/local/bin/by-uucp", err);
	if (strncmp(text, "stdio:", 6) == 0)
		return check_words(text + 6,
			"stdio:", "ssh HOST packetboat ship --stdio", err);
	if (strncmp(text, "tcp:", 4) == 0)
		return value_listen(text + 4, err);
	if (via_is_answered(text))
		return 0;
	if (strncmp(text, "dir:", 4) != 0)
		return err_set(err, ERR_USAGE,
			"unknown carrier \"%s\" (use \"dir:/PATH\", "
			"\"tcp:HOST:PORT\", \"stdio:COMMAND\", \"answer:\", "
			"\"rsync:TARGET\" or \"exec:COMMAND\")",
			text);
	return check_path(text + 4, err);
}

int value_key(const char *text, struct err *err)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	/* Of a key that was changed another 16 follow (docs/format.md, Keys). */
	bool later = strlen(text) == 64 && text[47] == ':' &&
		     strspn(text + 48, digits) == 16;

	if (strncmp(text, "pb1:", 4) != 0 || (strlen(text) != 47 && !later) ||
		strspn(text + 4, digits) != 43)
		return err_set(err, ERR_USAGE,
			"\"%s\" is not a key line (put here what `packetboat "
			"key` prints at that site)",
			text);
	return 0;
}

int value_name(const char *text, struct err *err)
{
	size_t len = strlen(text);

	if (len == 0 || len > CONFIG_NAME_MAX || text[0] == '.' ||
		text[0] == '-')
		return err_set(err, ERR_USAGE,
			"\"%s\": a name has 1 to %u bytes and begins with "
			"neither . nor -",
			text, CONFIG_NAME_MAX);
	for (; *text; text++)
		if (!((*text >= 'a' && *text <= 'z') ||
			    (*text >= 'A' && *text <= 'Z') ||
			    (*text >= '0' && *text <= '9') ||
			    strchr("._-", *text)))
			return err_set(err, ERR_USAGE,
				"a name is of letters, digits and . _ - only");
	return 0;
}

int value_account(const char *text, struct err *err)
{
	size_t len = strlen(text);

	if (len == 0 || len > CONFIG_ACCOUNT_MAX)
		return err_set(err, ERR_USAGE,
			"an account's name has 1 to %u bytes",
			CONFIG_ACCOUNT_MAX);
	if (text[0] == '.' || text[0] == '-' || strchr(text, '/') ||
		!printable(text))
		return err_set(err, ERR_USAGE,
			"\"%s\": an account's name begins with neither . nor "
			"- and has neither / nor control bytes in it",
			text);
	return 0;
}

int value_folder(const char *text, struct err *err)
{
	if (!*text || strlen(text) > 1024 || *text == '/' ||
		text[strlen(text) - 1] == '/' || strstr(text, "//"))
		return err_set(err, ERR_USAGE,
			"\"%s\" is no folder's name (for example \"Trash\", or "
			"\"INBOX/Trash\", parts separated by /)",
			text);
	return 0;
}
