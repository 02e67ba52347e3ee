/*
 * progress: one line on the terminal while something takes long.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "os.h"
#include "program.h"

#define QUIET_MS 2000 /* shorter work shows nothing */
#define STEP_MS 200

static int64_t now_ms(void)
{
	struct os *os = os_real();

	return os->ops->mono_ns(os) / 1000000;
}

void progress_begin(
	struct progress *p, struct logger *l, const char *what, uint64_t total)
{
	*p = (struct progress){.log = l,
		.what = what,
		.total = total,
		.start_ms = now_ms(),
		.on = l->most >= LOG_LEVEL_INFO && isatty(STDERR_FILENO)};
}

void progress_step(struct progress *p, uint64_t done)
{
	int64_t now;

	if (!p->on)
		return;
	now = now_ms();
	if (now - p->start_ms < QUIET_MS || now - p->shown_ms < STEP_MS)
		return;
	p->shown_ms = now;
	if (p->total)
		fprintf(stderr,
			"\r\033[K%s: %s: %" PRIu64 " of %" PRIu64 " (%" PRIu64
			"%%)",
			p->log->program, p->what, done, p->total,
			done < p->total ? (uint64_t)(100.0 * (double)done /
						     (double)p->total)
					: 100);
	else
		fprintf(stderr, "\r\033[K%s: %s: %" PRIu64, p->log->program,
			p->what, done);
	fflush(stderr);
	p->log->progress_shown = true;
}

void progress_end(struct progress *p)
{
	if (p->on && p->log->progress_shown) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
		p->log->progress_shown = false;
	}
	p->on = false;
}
