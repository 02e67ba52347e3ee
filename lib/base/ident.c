/* ident: the orders of ids, logs, dots and write ids; ids as hex. */
#include "ident.h"
#include "hash.h"

#include <string.h>

static int cmp_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

bool id_equal(const struct id128 *a, const struct id128 *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

int id_cmp(const struct id128 *a, const struct id128 *b)
{
	int c = memcmp(a->b, b->b, sizeof(a->b));

	return (c > 0) - (c < 0);
}

bool id_is_account(const struct id128 *id)
{
	return id_equal(id, &ID_ACCOUNT);
}

int log_id_cmp(const struct log_id *a, const struct log_id *b)
{
	int c = cmp_u64(a->origin, b->origin);

	if (c == 0)
		c = cmp_u64(a->incarnation, b->incarnation);
	if (c == 0)
		c = id_cmp(&a->folder, &b->folder);
	return c;
}

int dot_cmp(const struct dot *a, const struct dot *b)
{
	int c = log_id_cmp(&a->log, &b->log);

	return c ? c : cmp_u64(a->lsn, b->lsn);
}

int write_id_cmp(const struct write_id *a, const struct write_id *b)
{
	int c = cmp_u64(a->stamp, b->stamp);

	if (c == 0)
		c = cmp_u64(a->log.origin, b->log.origin);
	if (c == 0)
		c = cmp_u64(a->log.incarnation, b->log.incarnation);
	if (c == 0)
		c = cmp_u64(a->lsn, b->lsn);
	if (c == 0)
		c = id_cmp(&a->log.folder, &b->log.folder);
	return c;
}

bool write_id_is_at(const struct write_id *a, const struct write_id *b)
{
	return a->lsn == b->lsn && log_id_cmp(&a->log, &b->log) == 0;
}

void id_hex(const struct id128 *id, char ret[ID_HEX])
{
	hex_encode(id->b, sizeof(id->b), ret);
}

int id_from_hex(const char *hex, struct id128 *ret)
{
	if (strlen(hex) != ID_HEX - 1)
		return -1;
	return hex_decode(hex, ret->b, sizeof(ret->b));
}
