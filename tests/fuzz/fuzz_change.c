/*
 * fuzz_change: any bytes as a batch of changes (of a folder, of an account)
 * and as a statement. The context is the one of tests/golden/golden_change.c,
 * so that the golden files are seeds.
 *
 * What decodes is encoded to the same bytes again: one value has one encoding.
 * Every change is valid, and is printed as one line of printable ASCII.
 *
 * Planted bugs found: with the last line of pattern_join returning 0 (a name
 * that is not its pattern's), with double table entries let through, and with
 * `index > count` in take_index (a read past the table).
 */
#include "change.h"
#include "err.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_line(const struct buf *line)
{
	if (line->len == 0)
		abort();
	for (size_t i = 0; i < line->len; i++) {
		if (line->data[i] < 0x20 || line->data[i] >= 0x7f)
			abort();
	}
}

static void try_batch(const struct id128 *folder, const void *data, size_t len)
{
	AUTO_BUF struct buf again = BUF_INIT, line = BUF_INIT;
	struct change_context ctx = {
		.log = {0x0102030405060708, 0x1112131415161718, *folder},
		.first_lsn = 500,
		.base_ms = 1795303760678};
	struct change_batch batch = {0};
	struct err err = ERR_INIT;
	int rc = change_decode(&ctx, data, len, &batch, &err);

	if (rc < 0) {
		if (rc != err.code || !err.text[0] || batch.count != 0)
			abort();
		change_batch_free(&batch);
		return;
	}
	change_encode(&ctx, batch.items, batch.count, &again);
	if (again.len != len || memcmp(again.data, data, len) != 0)
		abort();
	for (size_t i = 0; i < batch.count; i++) {
		if (change_check(&batch.items[i], NULL) < 0)
			abort();
		buf_clear(&line);
		change_print(&batch.items[i], &line);
		check_line(&line);
	}
	change_batch_free(&batch);
}

static void try_statement(const void *data, size_t len)
{
	AUTO_BUF struct buf again = BUF_INIT, line = BUF_INIT;
	struct statement st;
	struct err err = ERR_INIT;

	if (statement_decode(data, len, &st, &err) < 0) {
		if (!err.text[0])
			abort();
		return;
	}
	statement_encode(&st, &again);
	if (again.len != len || memcmp(again.data, data, len) != 0)
		abort();
	statement_print(&st, &line);
	check_line(&line);
	statement_free(&st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	try_batch(&ID_INBOX, data, len);
	try_batch(&ID_ACCOUNT, data, len);
	try_statement(data, len);
	return 0;
}
