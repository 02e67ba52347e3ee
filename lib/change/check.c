/*
 * check: what the fields of a change may hold (docs/format.md, Changes, What
 * the values may be).
 *
 * The limits keep a peer's strings from becoming something else where they
 * are used: a base name that leaves its directory or is parsed back as
 * another, an extra field that ends its uidlist line or begins its file name,
 * a path that climbs.
 */
#include "kinds.h"
#include "err.h"

#include <string.h>

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

static bool ends_line(unsigned char c)
{
	return c == '\n' || c == '\r';
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

static bool has_control(const char *s)
{
	for (; *s; s++) {
		if (is_control((unsigned char)*s))
			return true;
	}
	return false;
}

static int check_len(
	const char *what, const char *s, size_t max, struct err *err)
{
	size_t len = strnlen(s, max + 1);

	if (len > max)
		return err_set(
			err, ERR_LIMIT, "%s longer than %zu bytes", what, max);
	return 0;
}

static int check_base(const char *base, struct err *err)
{
	int rc = check_len("base name", base, CHANGE_NAME_MAX, err);

	if (rc < 0)
		return rc;
	if (base[0] == 0 || base[0] == '.' || base[0] == ':')
		return err_set(err, ERR_CORRUPT,
			"base name is empty or begins with '.' or ':'");
	if (strpbrk(base, "/\r\n") || strstr(base, ":2,"))
		return err_set(err, ERR_CORRUPT,
			"base name holds '/', ':2,' or the end of a line");
	return 0;
}

static int check_path(const char *path, struct err *err)
{
	int rc = check_len("path", path, CHANGE_NAME_MAX, err);
	const char *part = path;

	if (rc < 0)
		return rc;
	if (has_control(path))
		return err_set(err, ERR_CORRUPT, "path holds control bytes");
	for (;;) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len == 1 && part[0] == '.') ||
			(len == 2 && part[0] == '.' && part[1] == '.'))
			return err_set(err, ERR_CORRUPT,
				"path has a part that is empty, '.' or '..'");
		if (part[len] == 0)
			return 0;
		part += len + 1;
	}
}

static int check_extra(const char *extra, struct err *err)
{
	int rc = check_len("extra fields", extra, CHANGE_NAME_MAX, err);
	bool start = true;

	if (rc < 0)
		return rc;
	if (extra[0] == 0)
		return 0;
	for (const char *s = extra; *s; s++) {
		if (start && (*s < 'A' || *s > 'Z'))
			return err_set(err, ERR_CORRUPT,
				"extra field does not begin with a capital");
		if (ends_line((unsigned char)*s))
			return err_set(err, ERR_CORRUPT,
				"extra field holds the end of a line");
		start = *s == ' ';
	}
	if (start)
		return err_set(err, ERR_CORRUPT, "extra fields end in a space");
	return 0;
}

static int check_letters(const char *letters, struct err *err)
{
	unsigned char last = ' ';

	for (; *letters; letters++) {
		unsigned char c = (unsigned char)*letters;

		if (c <= last || (c >= 'a' && c <= 'z') || c == '/' ||
			c == 0x7f)
			return err_set(err, ERR_CORRUPT,
				"flag letters not ascending or not allowed");
		last = c;
	}
	return 0;
}

/* One keyword of a set: its length at s, which is where the set goes on. */
static size_t keyword_len(const char *s)
{
	return strcspn(s, " ");
}

/* Order without regard to ASCII case, whatever the locale. */
static int keyword_cmp(const char *a, size_t a_len, const char *b, size_t b_len)
{
	for (size_t i = 0; i < a_len && i < b_len; i++) {
		int d = lower((unsigned char)a[i]) - lower((unsigned char)b[i]);

		if (d)
			return d;
	}
	return (a_len > b_len) - (a_len < b_len);
}

static int check_keyword(const char *s, size_t len, struct err *err)
{
	if (len > CHANGE_KEYWORD_MAX)
		return err_set(err, ERR_LIMIT, "keyword longer than %u bytes",
			CHANGE_KEYWORD_MAX);
	if (len == 0)
		return err_set(err, ERR_CORRUPT, "keyword is empty");
	for (size_t i = 0; i < len; i++) {
		if (is_control((unsigned char)s[i]))
			return err_set(err, ERR_CORRUPT,
				"keyword holds control bytes");
	}
	return 0;
}

static int check_keywords(const char *set, struct err *err)
{
	const char *last = NULL;
	size_t last_len = 0, count = 0;

	if (*set == 0)
		return 0;
	for (;;) {
		size_t len = keyword_len(set);
		int rc = check_keyword(set, len, err);

		if (rc < 0)
			return rc;
		if (++count > CHANGE_KEYWORDS_MAX)
			return err_set(err, ERR_LIMIT, "more than %u keywords",
				CHANGE_KEYWORDS_MAX);
		if (last && keyword_cmp(last, last_len, set, len) >= 0)
			return err_set(
				err, ERR_CORRUPT, "keywords not ascending");
		if (set[len] == 0)
			return 0;
		last = set;
		last_len = len;
		set += len + 1;
	}
}

/* Both sets are ascending: one pass. */
static bool keywords_meet(const char *a, const char *b)
{
	while (*a && *b) {
		size_t a_len = keyword_len(a), b_len = keyword_len(b);
		int d = keyword_cmp(a, a_len, b, b_len);

		if (d == 0)
			return true;
		if (d < 0)
			a += a_len + (a[a_len] == ' ');
		else
			b += b_len + (b[b_len] == ' ');
	}
	return false;
}

static int check_flags(const struct change *c, unsigned fields, struct err *err)
{
	int rc = 0;

	if (fields & FIELD_ADD) {
		rc = check_letters(c->add.letters, err);
		if (rc == 0)
			rc = check_keywords(c->add.keywords, err);
	}
	if (rc == 0 && (fields & FIELD_DEL)) {
		rc = check_letters(c->del.letters, err);
		if (rc == 0)
			rc = check_keywords(c->del.keywords, err);
		if (rc == 0 && (strpbrk(c->add.letters, c->del.letters) ||
				       keywords_meet(c->add.keywords,
					       c->del.keywords)))
			rc = err_set(err, ERR_CORRUPT,
				"a flag is both set and cleared");
	}
	return rc;
}

static bool lsn_ok(uint64_t lsn)
{
	return lsn > 0 && lsn <= CHANGE_LSN_MAX;
}

static int check_dot(const struct dot *dot, const char *what, struct err *err)
{
	if (id_is_account(&dot->log.folder))
		return err_set(
			err, ERR_CORRUPT, "%s is of an account log", what);
	return 0;
}

static int check_dots(const struct change *c, unsigned fields, struct err *err)
{
	struct dot own = {c->by.log, c->by.lsn};
	int rc = 0;

	if (!lsn_ok(c->by.lsn))
		return err_set(err, ERR_CORRUPT, "lsn out of range");
	if ((fields & FIELD_DOT) && !lsn_ok(c->dot.lsn))
		return err_set(err, ERR_CORRUPT, "dot's lsn out of range");
	if ((fields & FIELD_BORN) && dot_cmp(&c->dot, &own) != 0)
		return err_set(err, ERR_CORRUPT,
			"dot of a new message is not its own log and lsn");
	if ((fields & FIELD_SOURCE) && c->source.lsn > CHANGE_LSN_MAX)
		return err_set(err, ERR_CORRUPT, "source's lsn out of range");
	if ((fields & FIELD_END) && c->end.lsn > CHANGE_LSN_MAX)
		return err_set(err, ERR_CORRUPT, "end's lsn out of range");
	if ((fields & FIELD_GAP) &&
		(!lsn_ok(c->first) || c->first > c->end.lsn))
		return err_set(err, ERR_CORRUPT, "gap's lsns out of range");
	if ((fields & FIELD_DOT) && !(fields & FIELD_BORN))
		rc = check_dot(&c->dot, "dot", err);
	if (rc == 0 && (fields & FIELD_SOURCE) && c->source.lsn)
		rc = check_dot(&c->source, "source", err);
	return rc;
}

/* The account's id names no folder; only a bare name is subscribed without. */
static int check_ids(const struct change *c, unsigned fields, struct err *err)
{
	if ((fields & FIELD_FOLDER) && c->kind != CHANGE_SUBSCRIBE &&
		id_is_account(&c->folder))
		return err_set(err, ERR_CORRUPT, "folder's id is zero");
	if ((fields & FIELD_OTHER) &&
		(id_is_account(&c->other) || id_equal(&c->other, &c->folder)))
		return err_set(err, ERR_CORRUPT,
			"other folder's id is zero or the same");
	return 0;
}

static int check_strings(
	const struct change *c, unsigned fields, struct err *err)
{
	int rc = 0;

	if (fields & FIELD_BODY)
		rc = check_base(c->base, err);
	if (rc == 0 && (fields & FIELD_EXTRA))
		rc = check_extra(c->extra, err);
	/* A subscription of a folder that has an id needs no path. */
	if (rc == 0 && (fields & FIELD_PATH) &&
		!(c->kind == CHANGE_SUBSCRIBE && c->path[0] == 0 &&
			!id_is_account(&c->folder)))
		rc = check_path(c->path, err);
	if (rc == 0 && (fields & FIELD_GAP)) {
		rc = check_len("reason", c->reason, CHANGE_NAME_MAX, err);
		if (rc == 0 && has_control(c->reason))
			rc = err_set(
				err, ERR_CORRUPT, "reason holds control bytes");
	}
	return rc;
}

int change_check(const struct change *change, struct err *err)
{
	const struct change_kind_rule *rule = change_kind_rule(change->kind);
	unsigned place = id_is_account(&change->by.log.folder) ? PLACE_ACCOUNT
							       : PLACE_FOLDER;
	int rc;

	if (!rule)
		return err_set(err, ERR_CORRUPT, "kind %u is not known",
			(unsigned)change->kind);
	if (!(rule->places & place))
		return err_set(err, ERR_CORRUPT, "%s in %s log", rule->name,
			place == PLACE_ACCOUNT ? "an account" : "a folder's");
	rc = check_dots(change, rule->fields, err);
	if (rc == 0)
		rc = check_ids(change, rule->fields, err);
	if (rc == 0)
		rc = check_strings(change, rule->fields, err);
	if (rc == 0)
		rc = check_flags(change, rule->fields, err);
	return rc;
}
