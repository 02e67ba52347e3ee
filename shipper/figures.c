#include "figures.h"

#include "mem.h"
#include "shipper.h"
#include "status_metrics.h"

#define EVERY_MS 10000
#define SHARE 20

/* Also by the process that has the live links. */
static bool was_called(struct shipper *s, struct figures *f)
{
	struct os *os = s->site.os;
	AUTO_FREE char *calls = mem_printf("%s/calls", s->site.config.state);
	struct os_stat st;

	if (os->ops->stat(os, calls, &st) < 0 || st.mtime_ns == f->calls_ns)
		return false;
	f->calls_ns = st.mtime_ns;
	return true;
}

void figures_round(struct shipper *s, struct figures *f, bool changed)
{
	struct os *os = s->site.os;
	int64_t start = os->ops->mono_ns(os) / 1000000;
	struct err err = ERR_INIT;

	if (!s->site.config.metrics)
		return;
	if (changed || was_called(s, f))
		f->known = false;
	if (f->known || start < f->next_ms)
		return;
	f->known = true;
	if (status_figures(s->config_path, &err) < 0)
		log_err(&s->log, &err);
	int64_t end = os->ops->mono_ns(os) / 1000000;
	int64_t rest = SHARE * (end - start);
	f->next_ms = end + (rest > EVERY_MS ? rest : EVERY_MS);
}
