/* columns: what encoder and decoder of a batch of changes agree on. */
#include "columns.h"

#include <stdlib.h>

#define MS_MASK ((UINT64_C(1) << 48) - 1)

const struct column_rule column_rules[COLUMN_COUNT] = {
	[COLUMN_LOG] = {"log", FIELD_BY, 21},
	[COLUMN_LSN] = {"lsn", FIELD_BY, 13},
	[COLUMN_STAMP] = {"stamp", FIELD_BY, 0},
	[COLUMN_COUNTER] = {"counter", FIELD_BY, 7},
	[COLUMN_DOT_LOG] = {"dot log", FIELD_DOT, 17},
	[COLUMN_DOT] = {"dot", FIELD_DOT, 1},
	[COLUMN_SOURCE_LOG] = {"source log", FIELD_SOURCE, 20},
	[COLUMN_SOURCE] = {"source", FIELD_SOURCE, 19},
	[COLUMN_ADD] = {"add", FIELD_ADD, 2},
	[COLUMN_DEL] = {"del", FIELD_DEL, 3},
	[COLUMN_ADD_REST] = {"add rest", FIELD_ADD, 35},
	[COLUMN_DEL_REST] = {"del rest", FIELD_DEL, 36},
	[COLUMN_ADD_KEYWORDS] = {"add keywords", FIELD_ADD, 6},
	[COLUMN_DEL_KEYWORDS] = {"del keywords", FIELD_DEL, 18},
	[COLUMN_UID] = {"uid", FIELD_UID, 4},
	[COLUMN_SIZE] = {"size", FIELD_BODY, 8},
	[COLUMN_MTIME] = {"mtime", FIELD_BODY, 9},
	[COLUMN_BASE] = {"base", FIELD_BODY, 10},
	[COLUMN_NUMBERS] = {"numbers", FIELD_BODY, 11},
	[COLUMN_EXTRA] = {"extra", FIELD_EXTRA, 12},
	[COLUMN_FOLDER] = {"folder", FIELD_FOLDER, 16},
	[COLUMN_OTHER] = {"other", FIELD_OTHER, 27},
	[COLUMN_PATH] = {"path", FIELD_PATH, 22},
	[COLUMN_VALUE] = {"value", FIELD_VALUE, 23},
	[COLUMN_UIDVALIDITY] = {"uidvalidity", FIELD_UIDS, 24},
	[COLUMN_UIDNEXT] = {"uidnext", FIELD_UIDS, 25},
	[COLUMN_GUID] = {"guid", FIELD_GUID, 26},
	[COLUMN_TERM] = {"term", FIELD_AUTHORITY, 28},
	[COLUMN_SITE] = {"site", FIELD_AUTHORITY, 29},
	[COLUMN_END_LOG] = {"end log", FIELD_END, 31},
	[COLUMN_END] = {"end", FIELD_END, 30},
	[COLUMN_CHAIN] = {"chain", FIELD_END, 32},
	[COLUMN_FIRST] = {"first", FIELD_GAP, 33},
	[COLUMN_REASON] = {"reason", FIELD_GAP, 34},
};

void column_state_init(
	struct column_state *st, const struct change_context *ctx)
{
	*st = (struct column_state){
		.ms = ctx->base_ms & MS_MASK,
		.mtime = (ctx->base_ms & MS_MASK) / 1000,
	};
	*column_state_log(st, 0) = (struct column_log){
		.lsn = ctx->first_lsn - 1,
		.dot = ctx->first_lsn & CHANGE_LSN_MAX,
		.source = ctx->first_lsn & CHANGE_LSN_MAX,
	};
}

void column_state_free(struct column_state *st)
{
	free(st->logs);
	st->logs = NULL;
}

struct column_log *column_state_log(struct column_state *st, uint64_t index)
{
	while (st->log_count <= index) {
		st->logs = mem_room(st->logs, st->log_count, sizeof(*st->logs));
		st->logs[st->log_count++] = (struct column_log){0};
	}
	return &st->logs[index];
}

uint64_t column_zigzag(uint64_t difference)
{
	return (difference << 1) ^ -(difference >> 63);
}

uint64_t column_from_zigzag(uint64_t code)
{
	return (code >> 1) ^ -(code & 1);
}

uint64_t column_near(uint64_t value, uint64_t expected)
{
	return value ? column_zigzag(value - expected) + 1 : 0;
}

uint64_t column_from_near(uint64_t code, uint64_t expected)
{
	return code ? expected + column_from_zigzag(code - 1) : 0;
}

uint64_t column_number_near(
	uint8_t near, const struct change *change, uint64_t last)
{
	if (near == NEAR_SIZE)
		return change->size;
	if (near == NEAR_MTIME)
		return change->mtime > 0 ? (uint64_t)change->mtime : 0;
	return last;
}
