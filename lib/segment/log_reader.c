/*
 * log_reader: a log's frames, from file to file, up to its durable end.
 *
 *   A  first lsn 1, chain before 0   |..|..|..|~~~~   ~: abandoned, not read
 *   B  first lsn 9, chain before c8            |..|..|..|
 *                                                    ^ durable end
 *
 * A is read up to the place where lsn and chain value are those in B's
 * header, B up to the durable end's size, where lsn and chain value must be
 * the durable end's. Everything below that is not as it should be is damage,
 * ERR_CORRUPT, whatever it looks like from near.
 *
 * Nothing here writes; readers need no lock, because below a durable end
 * nothing changes but that files of lsns no longer wanted go.
 */
#include "segment_private.h"
#include "err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * A frame that is torn or over a limit below the durable end is damage: what
 * a newer packetboat writes is announced in the header.
 */
static int damage(int r, struct err *err)
{
	if (r != ERR_TORN && r != ERR_LIMIT)
		return r;
	if (err)
		err->code = ERR_CORRUPT;
	return ERR_CORRUPT;
}

/* Files may have been removed, oldest first, since they were listed. */
static int missing(const struct log_reader *r, uint64_t first_lsn,
	const char *path, struct err *err)
{
	AUTO_FREE uint64_t *files = NULL;
	size_t count;
	int rc;

	rc = log_files(r->os, r->dir, r->incarnation, r->end.file_lsn, &files,
		&count, err);
	if (rc < 0)
		return rc;
	if (count && files[0] > first_lsn)
		return err_set(err, ERR_ABSENT,
			"log %s: truncated, begins at lsn %" PRIu64, r->dir,
			files[0]);
	return err_set(err, ERR_CORRUPT, "%s: missing", path);
}

static int check_header(const struct log_reader *r,
	const struct segment_reader *seg, uint64_t first_lsn, struct err *err)
{
	const struct segment_header *h = &seg->header;
	const struct segment_header *before = &r->seg.header;

	if (h->log.incarnation != r->incarnation || h->first_lsn != first_lsn)
		return err_set(err, ERR_CORRUPT,
			"%s: header is not what its name says", seg->path);
	if (r->open && (log_id_cmp(&h->log, &before->log) != 0 ||
			       strcmp(h->account, before->account) != 0))
		return err_set(err, ERR_CORRUPT,
			"%s: belongs to another log than the file before",
			seg->path);
	return 0;
}

/* Open the next file of the list. */
static int open_file(
	struct log_reader *r, struct segment_reader *ret, struct err *err)
{
	uint64_t first_lsn = r->files[r->file_next];
	bool last = first_lsn == r->end.file_lsn;
	AUTO_FREE char *path = log_file_path(r->dir, r->incarnation, first_lsn);
	int rc;

	rc = segment_reader_open(
		ret, r->os, path, last ? r->end.size : -1, err);
	if (rc == ERR_ABSENT)
		return missing(r, first_lsn, path, err);
	if (rc < 0)
		return rc == ERR_TORN ? damage(rc, err) : rc;
	rc = check_header(r, ret, first_lsn, err);
	if (rc < 0) {
		segment_reader_close(ret);
		return rc;
	}
	r->file_next++;
	return 0;
}

/* The file after the one that is read, if there is one, says where it ends. */
static int open_next(struct log_reader *r, struct err *err)
{
	int rc;

	if (r->file_next == r->file_count)
		return 0;
	rc = open_file(r, &r->next, err);
	r->next_open = rc == 0;
	return rc;
}

static int start_at(struct log_reader *r, size_t file, struct err *err)
{
	int rc;

	r->file_next = file;
	rc = open_file(r, &r->seg, err);
	if (rc < 0)
		return rc;
	r->open = true;
	return open_next(r, err);
}

/* List the files, and make sure that the last one is there. */
static int reader_list(struct log_reader *r, struct err *err)
{
	int rc;

	if (r->end.file_lsn == 0)
		return 0;
	rc = log_files(r->os, r->dir, r->incarnation, r->end.file_lsn,
		&r->files, &r->file_count, err);
	if (rc < 0)
		return rc;
	if (r->file_count == 0 ||
		r->files[r->file_count - 1] != r->end.file_lsn) {
		AUTO_FREE char *path =
			log_file_path(r->dir, r->incarnation, r->end.file_lsn);

		return err_set(err, ERR_ABSENT,
			"%s: missing, and the log ends in it (let packetboat "
			"write run: what it held is in the state)",
			path);
	}
	return 0;
}

/* Start in the file that holds the record before from_lsn, or in the first. */
static int start_from(struct log_reader *r, uint64_t from_lsn, struct err *err)
{
	size_t file = r->file_count;

	if (file == 0 && from_lsn > r->end.lsn)
		return 0;
	if (file == 0 || from_lsn < r->files[0])
		return err_set(err, ERR_ABSENT,
			"log %s: truncated, does not reach back to lsn "
			"%" PRIu64,
			r->dir, from_lsn);
	do
		file--;
	while (file > 0 && r->files[file] >= from_lsn);
	return start_at(r, file, err);
}

static void reader_init(struct log_reader *r, struct os *os, const char *dir,
	uint64_t incarnation, const struct log_end *end)
{
	*r = (struct log_reader){.os = os, .incarnation = incarnation};
	r->dir = mem_dup(dir);
	r->end = *end;
}

int log_reader_open(struct log_reader *r, struct os *os, const char *dir,
	uint64_t incarnation, const struct log_end *end, uint64_t from_lsn,
	struct err *err)
{
	int rc;

	reader_init(r, os, dir, incarnation, end);
	r->from_lsn = from_lsn;
	rc = reader_list(r, err);
	if (rc == 0)
		rc = start_from(r, from_lsn, err);
	if (rc < 0)
		log_reader_close(r);
	return rc;
}

/* Whether the file that is read ends here, because the next begins here. */
static bool at_next_file(const struct log_reader *r)
{
	return r->next_open && r->seg.lsn == r->next.header.first_lsn &&
	       r->seg.chain == r->next.header.chain_before;
}

static int step_to_next(struct log_reader *r, struct err *err)
{
	segment_reader_close(&r->seg);
	r->seg = r->next;
	r->next_open = false;
	return open_next(r, err);
}

/* The file is read to its end: may it end here? */
static int check_end(const struct log_reader *r, struct err *err)
{
	const struct segment_reader *seg = &r->seg;

	if (r->next_open)
		return err_set(err, ERR_CORRUPT,
			"%s: ends at lsn %" PRIu64
			", and does not lead to the next file, of lsn %" PRIu64,
			seg->path, seg->lsn - 1, r->next.header.first_lsn);
	if (seg->lsn - 1 != r->end.lsn || seg->chain != r->end.chain)
		return err_set(err, ERR_CORRUPT,
			"%s: ends at lsn %" PRIu64 ", chain %016" PRIx64
			", where the durable end is lsn %" PRIu64
			", chain %016" PRIx64,
			seg->path, seg->lsn - 1, seg->chain, r->end.lsn,
			r->end.chain);
	return 0;
}

int log_reader_next(struct log_reader *r, struct frame *ret, struct err *err)
{
	int rc;

	while (r->open) {
		if (at_next_file(r)) {
			rc = step_to_next(r, err);
			if (rc < 0)
				return rc;
			continue;
		}
		rc = segment_reader_next(&r->seg, ret, err);
		if (rc < 0)
			return damage(rc, err);
		if (rc == 0)
			return check_end(r, err);
		if (r->next_open && r->seg.lsn > r->next.header.first_lsn)
			return err_set(err, ERR_CORRUPT,
				"%s: frame at %" PRId64
				": reaches into the next file, of lsn %" PRIu64,
				r->seg.path, ret->at, r->next.header.first_lsn);
		if (ret->first_lsn >= r->from_lsn || r->seg.lsn > r->from_lsn)
			return 1;
	}
	return 0;
}

void log_reader_close(struct log_reader *r)
{
	if (r->open)
		segment_reader_close(&r->seg);
	if (r->next_open)
		segment_reader_close(&r->next);
	free(r->dir);
	free(r->files);
	*r = (struct log_reader){0};
}

int log_verify(struct os *os, const char *dir, uint64_t incarnation,
	const struct log_end *end, struct err *err)
{
	struct frame frame = {0};
	struct log_reader r;
	int rc;

	reader_init(&r, os, dir, incarnation, end);
	rc = reader_list(&r, err);
	if (rc == 0 && r.file_count)
		rc = start_at(&r, 0, err);
	if (rc == 0)
		do
			rc = log_reader_next(&r, &frame, err);
		while (rc > 0);
	frame_free(&frame);
	log_reader_close(&r);
	return rc;
}
