/*
 * rowmaker: folders as a comparison sees them, out of a seeded generator: with
 * UIDs, flags, dots and writes as years of use leave them, or as bad as can be.
 */
#ifndef PB_ROWMAKER_H
#define PB_ROWMAKER_H

#include "changemaker.h"
#include "rows.h"

#include <stdlib.h>

struct made_folder {
	struct row *rows; /* by UID */
	size_t count;
	struct known_log logs[2]; /* home's, another site's */
	struct dot_run *living;
	size_t living_count;
	struct known known;
	uint32_t uidnext;
	struct arena arena;
};

static inline void made_folder_free(struct made_folder *f)
{
	free(f->rows);
	free(f->living);
	arena_free(&f->arena);
}

/* The folder's two logs, nothing known of them yet. */
static inline void made_folder_init(struct made_folder *f, size_t count)
{
	*f = (struct made_folder){.count = count};
	f->rows = mem_array(count, sizeof(*f->rows));
	f->living = mem_array(count + 1, sizeof(*f->living));
	for (size_t i = 0; i < 2; i++)
		f->logs[i].at.log = (struct log_id){
			0x1111111111111111 * (i + 1), 77 + i, ID_INBOX};
}

/* Add a change to a log: its lsn. */
static inline uint64_t made_change(struct made_folder *f, size_t log)
{
	return ++f->logs[log].at.lsn;
}

static inline void made_born(struct made_folder *f, struct row *row, size_t log)
{
	struct dot *dot = arena_alloc(&f->arena, sizeof(*dot));

	*dot = (struct dot){f->logs[log].at.log, made_change(f, log)};
	row->dots = dot;
	row->dot_count = 1;
}

/* The write of one flag or keyword; names in their order. */
static inline void made_write(struct maker *m, struct made_folder *f,
	struct row *row, const char *name, bool value)
{
	struct row_write *writes =
		arena_alloc(&f->arena, (row->write_count + 1) * sizeof(*writes));
	size_t log = maker_below(m, 10) == 0;

	if (row->write_count)
		memcpy(writes, row->writes, row->write_count * sizeof(*writes));
	m->ms += maker_below(m, 60000);
	writes[row->write_count++] = (struct row_write){name, value,
		{STAMP_OF(m->ms, 0), f->logs[log].at.log,
			made_change(f, log)}};
	row->writes = writes;
}

static inline bool maker_percent(struct maker *m, unsigned percent)
{
	return maker_below(m, 100) < percent;
}

/*
 * Flags of a mail of a private person: read unless it is new, some answered,
 * forwarded, flagged; words of a junk filter and labels now and then.
 */
static inline void made_flags(
	struct maker *m, struct made_folder *f, struct row *row, bool fresh)
{
	char letters[8] = "", keywords[64] = "";
	size_t n = 0;

	if (maker_below(m, 1000) < 15)
		letters[n++] = 'F';
	if (!fresh && maker_percent(m, 12))
		letters[n++] = 'R';
	if (maker_percent(m, fresh ? 20 : 97))
		letters[n++] = 'S';
	if (maker_below(m, 1000) < 4)
		letters[n++] = 'T';
	if (maker_percent(m, 3))
		strcat(keywords, "$Forwarded");
	if (maker_percent(m, 1))
		strcat(keywords, keywords[0] ? " $label1" : "$label1");
	if (maker_percent(m, 1))
		strcat(keywords, keywords[0] ? " Work" : "Work");
	row->flags.letters = arena_dup(&f->arena, letters, n);
	row->flags.keywords =
		arena_dup(&f->arena, keywords, strlen(keywords));
}

static inline void made_writes(
	struct maker *m, struct made_folder *f, struct row *row)
{
	static const char *const names[] = {
		"$Forwarded", "$label1", "\\F", "\\R", "\\S", "\\T", "Work"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *name = names[i];
		bool on = name[0] == '\\'
				  ? strchr(row->flags.letters, name[1]) != NULL
				  : strstr(row->flags.keywords, name) != NULL;

		if (on || maker_below(m, 200) == 0)
			made_write(m, f, row, name, on);
	}
}

/* What lives: each row's dots, and some of messages in other folders. */
static inline void made_living(struct made_folder *f)
{
	for (size_t log = 0; log < 2; log++) {
		for (size_t i = 0; i < f->count; i++) {
			const struct dot *dot = &f->rows[i].dots[0];
			struct dot_run *last = &f->living[f->living_count];

			if (log_id_cmp(&dot->log, &f->logs[log].at.log) != 0)
				continue;
			if (f->living_count && last[-1].log == log &&
				last[-1].last + 1 == dot->lsn) {
				last[-1].last++;
				continue;
			}
			*last = (struct dot_run){log, dot->lsn, dot->lsn};
			f->living_count++;
		}
	}
	f->known = (struct known){.logs = f->logs,
		.log_count = 2,
		.living = f->living,
		.living_count = f->living_count};
}

/*
 * count messages: two thirds were there when it all began, the others came
 * since; one of eight was expunged, in small runs. The last hundred are new.
 */
static inline void made_folder_real(
	struct maker *m, struct made_folder *f, size_t count)
{
	uint32_t uid = 0;

	made_folder_init(f, count);
	for (size_t i = 0; i < count; i++) {
		struct row *row = &f->rows[i];
		bool imported = i < 2 * count / 3;

		if (maker_below(m, 20) == 0) { /* some that are gone */
			uint32_t gone = 1 + (uint32_t)maker_below(m, 5);

			uid += gone;
			f->logs[0].at.lsn += imported ? gone : 3 * gone;
		}
		*row = (struct row){.id = (int64_t)i + 1, .uid = ++uid};
		row->base = row->extra = "";
		made_born(f, row, !imported && maker_below(m, 10) == 0);
		made_flags(m, f, row, i + 100 > count);
		if (!imported || maker_below(m, 10) == 0)
			made_writes(m, f, row);
		row->exact = maker_u64(m);
		row->content = maker_u64(m);
	}
	f->uidnext = uid + 1;
	made_living(f);
}

/* Any flags with any UIDs: nothing that could be foreseen. */
static inline void made_folder_noise(
	struct maker *m, struct made_folder *f, size_t count)
{
	uint32_t uid = 0;

	made_folder_init(f, count);
	for (size_t i = 0; i < count; i++) {
		struct row *row = &f->rows[i];
		char letters[8] = "";
		size_t n = 0;

		*row = (struct row){.id = (int64_t)i + 1,
			.uid = uid += 1 + (uint32_t)maker_below(m, 16)};
		row->base = row->extra = "";
		for (const char *s = "DFPRST"; *s; s++) {
			if (maker_below(m, 2))
				letters[n++] = *s;
		}
		row->flags.letters = arena_dup(&f->arena, letters, n);
		row->flags.keywords = "";
		made_born(f, row, maker_below(m, 2));
		f->logs[0].at.lsn += maker_below(m, 16);
		f->logs[1].at.lsn += maker_below(m, 16);
		made_writes(m, f, row);
	}
	f->uidnext = uid + 1;
	made_living(f);
}

static inline int made_cmp_dots(const void *a, const void *b)
{
	return dot_cmp(((const struct row *)a)->dots,
		((const struct row *)b)->dots);
}

/* In the order of a table without UIDs. */
static inline void made_by_dot(struct made_folder *f)
{
	qsort(f->rows, f->count, sizeof(*f->rows), made_cmp_dots);
}

#endif
