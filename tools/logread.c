#include "logread.h"

#include <stdlib.h>

#include "err.h"
#include "segment.h"

static char *directory(const struct account *a, const struct log_id *log)
{
	char hex[ID_HEX];

	id_hex(&log->folder, hex);
	return mem_printf("%s/%s", a->log_dir, hex);
}

static struct log_end end_of(const struct replica_log *log)
{
	return (struct log_end){
		log->file_lsn, log->known.lsn, log->known.chain, log->size};
}

static int each_of(const struct replica_log *log, const struct frame *frame,
	uint64_t from_lsn, logread_fn fn, void *arg, struct err *err)
{
	struct change_context ctx = {
		log->known.log, frame->first_lsn, frame->base_ms};
	struct change_batch batch = {0};
	int rc = frame->kind == FRAME_CHANGES
			 ? change_decode(&ctx, frame->payload.data,
				   frame->payload.len, &batch, err)
			 : 0;

	for (size_t i = 0; rc == 0 && i < batch.count; i++)
		if (batch.items[i].by.lsn >= from_lsn)
			rc = fn(arg, &batch.items[i], err);
	change_batch_free(&batch);
	return rc;
}

int logread_each(struct account *a, const struct replica_log *log,
	uint64_t from_lsn, logread_fn fn, void *arg, struct err *err)
{
	AUTO_FREE char *dir = directory(a, &log->known.log);
	struct log_end end = end_of(log);
	struct log_reader reader;
	struct frame frame = {0};
	int rc = log_reader_open(&reader, a->os, dir,
		log->known.log.incarnation, &end, from_lsn, err);
	int seen = 0;

	if (rc < 0)
		return rc;
	while (seen == 0 && (rc = log_reader_next(&reader, &frame, err)) > 0)
		seen = each_of(log, &frame, from_lsn, fn, arg, err);
	frame_free(&frame);
	log_reader_close(&reader);
	return rc < 0 ? rc : seen;
}

int logread_first(struct account *a, const struct replica_log *log,
	uint64_t *ret, struct err *err)
{
	AUTO_FREE char *dir = directory(a, &log->known.log);
	struct log_end end = end_of(log);
	struct log_segment *files;
	size_t count;
	int rc = log_segments(a->os, dir, log->known.log.incarnation, &end,
		&files, &count, err);

	*ret = log->known.lsn + 1;
	if (rc < 0)
		return rc;
	if (count)
		*ret = files[0].first_lsn;
	free(files);
	return 0;
}
