#include "vectortext.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "err.h"
#include "hash.h"

/* ---- out ---- */

void vector_print_log(const struct log_id *log, struct buf *ret)
{
	char folder[ID_HEX];

	id_hex(&log->folder, folder);
	buf_printf(ret, "%016" PRIx64 "/%016" PRIx64 "/%s", log->origin,
		log->incarnation,
		id_is_account(&log->folder)	    ? "account"
		: id_equal(&log->folder, &ID_INBOX) ? "INBOX"
						    : folder);
}

static void print_account(const char *name, struct buf *ret)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c > ' ' && c < 0x7f && c != '%' && c != '/')
			buf_add_byte(ret, c);
		else
			buf_printf(ret, "%%%02x", c);
	}
}

void vector_print(const struct vector *v, struct buf *ret)
{
	for (size_t i = 0; i < v->count; i++) {
		if (i)
			buf_add_byte(ret, ' ');
		print_account(v->entries[i].account, ret);
		buf_add_byte(ret, '/');
		vector_print_log(&v->entries[i].log, ret);
		buf_printf(ret, "-%" PRIu64, v->entries[i].lsn);
	}
}

/* ---- in ---- */

/* Up to `end`, which is passed over; NULL: it does not come. */
static const char *cut(
	const char **at, const char *limit, char end, size_t *len)
{
	const char *start = *at;
	const char *found = memchr(start, end, (size_t)(limit - start));

	if (!found)
		return NULL;
	*len = (size_t)(found - start);
	*at = found + 1;
	return start;
}

static bool take_account(
	struct arena *arena, const char *text, size_t len, const char **ret)
{
	char *name = arena_alloc(arena, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)text[i];
		char hex[3] = {0};

		if (byte == '%') {
			if (i + 2 >= len)
				return false;
			memcpy(hex, text + i + 1, 2);
			if (hex_decode(hex, &byte, 1) < 0)
				return false;
			i += 2;
		}
		if (!byte || byte == '/')
			return false;
		name[n++] = (char)byte;
	}
	name[n] = '\0';
	*ret = name;
	return n > 0;
}

static bool take_hex(const char *text, size_t len, uint64_t *ret)
{
	return len == 16 && hex_u64(text, ret) == 0;
}

static bool take_folder(const char *text, size_t len, struct id128 *ret)
{
	char hex[ID_HEX] = {0};

	if (len >= sizeof(hex))
		return false;
	memcpy(hex, text, len);
	if (strcmp(hex, "account") == 0)
		*ret = ID_ACCOUNT;
	else if (strcmp(hex, "INBOX") == 0)
		*ret = ID_INBOX;
	else
		return len == ID_HEX - 1 && id_from_hex(hex, ret) == 0;
	return true;
}

static bool take_lsn(const char *text, size_t len, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]) || n > CHANGE_LSN_MAX / 10)
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = n;
	return len > 0 && n <= CHANGE_LSN_MAX;
}

static bool take_entry(struct vector *v, const char *at, const char *limit)
{
	struct vector_entry e;
	const char *part;
	size_t len;

	if (!(part = cut(&at, limit, '/', &len)) ||
		!take_account(&v->arena, part, len, &e.account) ||
		!(part = cut(&at, limit, '/', &len)) ||
		!take_hex(part, len, &e.log.origin) ||
		!(part = cut(&at, limit, '/', &len)) ||
		!take_hex(part, len, &e.log.incarnation) ||
		!(part = cut(&at, limit, '-', &len)) ||
		!take_folder(part, len, &e.log.folder) ||
		!take_lsn(at, (size_t)(limit - at), &e.lsn))
		return false;
	vector_raise(v, e.account, &e.log, e.lsn);
	return true;
}

int vector_parse(const char *text, struct vector *v, struct err *err)
{
	static const char spaces[] = " \t\r\n";
	bool first = true;

	*v = (struct vector){.count = 0};
	for (;; first = false) {
		text += strspn(text, spaces);
		size_t len = strcspn(text, spaces);

		if (!len)
			return 0;
		if (!(first && len == 6 && memcmp(text, "vector", 6) == 0) &&
			!take_entry(v, text, text + len)) {
			vector_free(v);
			return err_set(err, ERR_USAGE,
				"not a vector: \"%.*s\" (take the last line "
				"that packetboat changes printed, or '' for "
				"all)",
				len < 200 ? (int)len : 200, text);
		}
		text += len;
	}
}

void vector_free(struct vector *v)
{
	arena_free(&v->arena);
	*v = (struct vector){.count = 0};
}

/* ---- positions ---- */

static struct vector_entry *find(
	const struct vector *v, const char *account, const struct log_id *log)
{
	for (size_t i = 0; i < v->count; i++)
		if (log_id_cmp(&v->entries[i].log, log) == 0 &&
			strcmp(v->entries[i].account, account) == 0)
			return &v->entries[i];
	return NULL;
}

uint64_t vector_at(
	const struct vector *v, const char *account, const struct log_id *log)
{
	const struct vector_entry *e = find(v, account, log);

	return e ? e->lsn : 0;
}

void vector_raise(struct vector *v, const char *account,
	const struct log_id *log, uint64_t lsn)
{
	struct vector_entry *e = find(v, account, log);

	if (e) {
		if (e->lsn < lsn)
			e->lsn = lsn;
		return;
	}
	v->entries = arena_room(
		&v->arena, v->entries, v->count, sizeof(*v->entries));
	v->entries[v->count++] = (struct vector_entry){
		arena_dup(&v->arena, account, strlen(account)), *log, lsn};
}
