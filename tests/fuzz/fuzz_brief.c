/*
 * fuzz_brief: any bytes as what travels with changes in brief, filled in with
 * the mail of a store that has every second UID.
 *
 * What is filled in is nothing but what the store has; what lacks is told, and
 * where nothing lacks, nothing is left blank.
 *
 * Planted bug found from the seeds: an index into the UIDVALIDITYs not checked.
 */
#include "brief.h"
#include "err.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MAX 4096u /* of one input that are filled in */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool so)
{
	if (!so)
		abort();
}

/* brief_find_fn: counts what it was asked for. */
static int find(void *arg, const struct brief_place *at, struct brief_mail *ret,
	struct err *err)
{
	size_t *asked = arg;

	(void)err;
	demand(at->uid != 0);
	(*asked)++;
	if (at->uid % 2)
		return 1;
	*ret = (struct brief_mail){"1.M2.vm", at->uid, 3, {{4}}};
	return 0;
}

/* As many births as there are places, of which none is told whole. */
static void add_blank(struct change_batch *batch, size_t count)
{
	AUTO_FREE struct brief_place *places =
		mem_array(count + 1, sizeof(*places));
	AUTO_BUF struct buf ignored = BUF_INIT;

	for (size_t i = 0; i < count; i++) {
		change_add(batch, CHANGE_SAVE)->base = "2.M3.vm";
		places[i].uid = (uint32_t)i + 1;
	}
	brief_make(batch, places, 0, (const uint8_t[BRIEF_SEED_SIZE]){0},
		&ignored);
}

static void try_fill(const struct brief *brief, size_t births)
{
	AUTO_FREE bool *lacks = mem_array(births + 1, sizeof(*lacks));
	struct change_batch batch = {0};
	struct err err = ERR_INIT;
	size_t asked = 0;

	add_blank(&batch, births);
	int rc = brief_fill(brief, &batch, find, &asked, lacks, &err);
	demand(asked <= brief->count && asked <= births);
	if (births != brief->count)
		demand(rc == ERR_CORRUPT && err.text[0]);
	else
		demand(rc == 0 || rc == 1);
	for (size_t i = 0; rc >= 0 && i < births; i++) {
		bool blank = !strcmp(batch.items[i].base, "-");

		demand(blank == (brief->places[i].uid % 2 != 0));
		demand(!blank || lacks[i]);
		demand(rc || !lacks[i]);
	}
	change_batch_free(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct brief brief = {.count = 0};
	struct err err = ERR_INIT;
	int rc = brief_decode(data, len, &brief, &err);

	if (rc < 0) {
		demand(rc == ERR_CORRUPT && err.text[0] && !brief.places);
		return 0;
	}
	demand(brief.count <= len);
	if (brief.count <= PLACES_MAX) {
		try_fill(&brief, brief.count);
		try_fill(&brief, brief.count + 1);
		if (brief.count)
			try_fill(&brief, brief.count - 1);
	}
	brief_free(&brief);
	return 0;
}
