/*
 * front: the program `packetboat`: one table of commands.
 */
#ifndef PB_FRONT_H
#define PB_FRONT_H

#include "config.h"
#include "program.h"

struct err;

struct front {
	struct logger log;
	char *config_given; /* -c, or NULL */
	bool quiet, verbose;
};

/*
 * The whole program. argv as main got it.
 * Returns: the exit code.
 */
int front_main(int argc, char **argv);

/* Find and load the configuration. Errors: ERR_USAGE. */
int front_config(struct front *f, struct config *ret, struct err *err);

/* Say what went wrong; returns the exit code for it. */
int front_fail(struct front *f, const struct err *err);

/* Say how the command is called (the table knows); returns 2. */
int front_usage(struct front *f, const char *command);

/*
 * The commands. argv[0] is the command's name, options of the front are gone,
 * --help was answered. Each returns an exit code.
 */
int command_init(struct front *f, int argc, char **argv);
int command_doctor(struct front *f, int argc, char **argv);
int command_key(struct front *f, int argc, char **argv);
int command_config(struct front *f, int argc, char **argv);
int command_log(struct front *f, int argc, char **argv);
int command_program(struct front *f, int argc, char **argv); /* write … */
int command_sync(struct front *f, int argc, char **argv);
int command_status(struct front *f, int argc, char **argv);
int command_check(struct front *f, int argc, char **argv);
int command_logging(struct front *f, int argc, char **argv); /* on, off */
int command_guard(struct front *f, int argc, char **argv);
int command_media(struct front *f, int argc, char **argv);
int command_gap(struct front *f, int argc, char **argv);
int command_peer(struct front *f, int argc, char **argv);
int command_resend(struct front *f, int argc, char **argv);
int command_folder(struct front *f, int argc, char **argv);
int command_held(struct front *f, int argc, char **argv);
int command_wait(struct front *f, int argc, char **argv);
int command_changes(struct front *f, int argc, char **argv);
int command_explain(struct front *f, int argc, char **argv);
int command_trash(struct front *f, int argc, char **argv);
int command_account(struct front *f, int argc, char **argv);

#endif
