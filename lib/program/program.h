/*
 * program: what all Packetboat programs have in common: start, options, log
 * output, signals, exit codes. Programs and tools only; libraries never log.
 */
#ifndef PB_PROGRAM_H
#define PB_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

struct err;

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_WRONG_USAGE = 2, /* or configuration, or not yet built */
	EXIT_OPERATOR = 3,    /* done, but something needs an operator */
	EXIT_LATER = 4	      /* carrier not there, or another run at work */
};

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/*
 * Where and how much to log. One per process, owned by main and handed to
 * what logs; stderr with journald levels ("<4>") when $JOURNAL_STREAM is set,
 * plain "program: text" on a terminal or pipe, or syslog.
 */
/* A line that was said, by its hash. */
struct repeat {
	uint64_t hash;
	int64_t said_ms;
	bool met; /* in this round */
};
struct logger {
	const char *program;
	enum log_level most; /* -q: warning, default info, -v debug */
	bool journal, syslog;
	bool progress_shown; /* a progress line stands on the terminal */
	bool rounds;         /* log_round was called */
	struct repeat *repeats; /* warnings of this round and the last */
	size_t repeat_count;
};
void logger_open(struct logger *l, const char *program, bool use_syslog);
void logger_use_syslog(struct logger *l); /* once the configuration is read */
void logger_close(struct logger *l);
void log_say(struct logger *l, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * The next round of a daemon begins: warnings and errors that were said in the
 * round before are left out of this one, but for once an hour.
 */
void log_round(struct logger *l);
/* Was this said in the last round, or in this one? Notes that it was. */
bool log_repeats(struct logger *l, const char *text);
/* "error: <text>" with err's text. */
void log_err(struct logger *l, const struct err *err);

/*
 * Progress on anything longer than two seconds when stderr is a terminal:
 * one line, rewritten at most five times a second, removed at the end.
 */
struct progress {
	struct logger *log;
	const char *what; /* "import alice/INBOX" */
	uint64_t total;	  /* 0 unknown */
	int64_t start_ms, shown_ms;
	bool on;
};
void progress_begin(
	struct progress *p, struct logger *l, const char *what, uint64_t total);
void progress_step(struct progress *p, uint64_t done);
void progress_end(struct progress *p);

/* Append ", 3 changes" if n is not 0, without the comma at first. */
void count_add(struct buf *b, uint64_t n, const char *one, const char *many);

/* The exit code that an error asks for. */
int exit_for(const struct err *err);
/* The worse of two exit codes: 1 over 2 over 3 over 4 over 0. */
int exit_worse(int a, int b);

/*
 * SIGINT and SIGTERM set a flag that loops look at; they interrupt poll(2)
 * through a descriptor. SIGPIPE is ignored. Call once, in main.
 */
struct stop_signal {
	int fd; /* readable once a signal came (signalfd) */
};
int stop_open(struct stop_signal *s, struct err *err);
bool stop_wanted(struct stop_signal *s); /* looks, does not wait */
void stop_close(struct stop_signal *s);

/*
 * SIGHUP asks a daemon to read its configuration again. On a terminal it means
 * what it always meant, that the terminal is gone: it is not caught there.
 */
struct reload_signal {
	int fd; /* readable once it came; -1: not caught */
};
int reload_open(struct reload_signal *s, struct err *err);
/* Did it come since the last call? */
bool reload_wanted(struct reload_signal *s);
void reload_close(struct reload_signal *s);

/* sd_notify(3) without libsystemd: "READY=1", "STATUS=…". No-op elsewhere. */
void notify_manager(const char *state);

#endif
