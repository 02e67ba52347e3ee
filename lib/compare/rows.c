/*
 * rows: what a site says of a dot.
 *
 * Runs and gaps are sorted: all is found by halving.
 */
#include "rows.h"

size_t known_log_index(const struct known *known, const struct log_id *log)
{
	size_t low = 0, high = known->log_count;

	while (low < high) {
		size_t at = low + (high - low) / 2;
		int c = log_id_cmp(log, &known->logs[at].at.log);

		if (c == 0)
			return at;
		if (c < 0)
			high = at;
		else
			low = at + 1;
	}
	return known->log_count;
}

bool known_has(const struct known_log *log, uint64_t lsn)
{
	size_t low = 0, high = log->gap_count;

	if (lsn > log->at.lsn)
		return false;
	while (low < high) {
		size_t at = low + (high - low) / 2;

		if (lsn < log->gaps[at].first)
			high = at;
		else if (lsn > log->gaps[at].last)
			low = at + 1;
		else
			return false;
	}
	return true;
}

static bool in_runs(
	const struct dot_run *runs, size_t count, size_t log, uint64_t lsn)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t at = low + (high - low) / 2;
		const struct dot_run *run = &runs[at];

		if (log < run->log || (log == run->log && lsn < run->first))
			high = at;
		else if (log > run->log || lsn > run->last)
			low = at + 1;
		else
			return true;
	}
	return false;
}

enum known_dot known_dot(const struct known *known, const struct dot *dot)
{
	size_t log = known_log_index(known, &dot->log);

	if (log == known->log_count)
		return KNOWN_NOT;
	if (in_runs(known->living, known->living_count, log, dot->lsn))
		return KNOWN_ALIVE;
	if (in_runs(known->dead, known->dead_count, log, dot->lsn) ||
		(!known->view && known_has(&known->logs[log], dot->lsn)))
		return KNOWN_DEAD;
	return KNOWN_NOT;
}
