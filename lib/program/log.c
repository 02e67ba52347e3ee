/*
 * log: what a program says to people, one line at a time.
 *
 * Control bytes in the text (it may quote file names) become '?', so that no
 * message can pretend to be two, or steer a terminal.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "err.h"
#include "program.h"

#define LINE_MAX_BYTES 1024

/* $JOURNAL_STREAM is "device:inode" of the journal's end of our stderr. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	       st.st_ino == ino;
}

void logger_open(struct logger *l, const char *program, bool use_syslog)
{
	*l = (struct logger){.program = program,
		.most = LOG_LEVEL_INFO,
		.syslog = use_syslog,
		.journal = stderr_is_journal()};
	if (use_syslog)
		openlog(program, LOG_PID, LOG_MAIL);
}

void logger_use_syslog(struct logger *l)
{
	openlog(l->program, LOG_PID, LOG_MAIL);
	l->syslog = true;
}

void logger_close(struct logger *l)
{
	if (l->syslog)
		closelog();
	l->syslog = false;
	free(l->repeats);
	l->repeats = NULL;
	l->repeat_count = 0;
}

void log_say(struct logger *l, enum log_level level, const char *fmt, ...)
{
	static const int priorities[] = {
		[LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_WARNING] = LOG_WARNING,
		[LOG_LEVEL_INFO] = LOG_INFO,
		[LOG_LEVEL_DEBUG] = LOG_DEBUG,
	};
	char text[LINE_MAX_BYTES];
	va_list args;

	if (level > l->most)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?';
	if (l->rounds && level <= LOG_LEVEL_WARNING && log_repeats(l, text))
		return;
	if (l->progress_shown)
		fputs("\r\033[K", stderr);
	l->progress_shown = false;
	if (l->syslog)
		syslog(priorities[level], "%s", text);
	else if (l->journal)
		fprintf(stderr, "<%d>%s\n", priorities[level], text);
	else
		fprintf(stderr, "%s: %s\n", l->program, text);
}

void log_err(struct logger *l, const struct err *err)
{
	log_say(l, LOG_LEVEL_ERROR, "error: %s", err->text);
}
