/*
 * front: options, help, and the table of commands.
 */
#include "front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

struct command {
	const char *name;
	const char *args;
	const char *help; /* one line */
	int (*run)(struct front *f, int argc, char **argv);
	const char *more; /* for its own --help; may be NULL */
};

static const struct command commands[] = {
	{"init", "[--continue LINE]",
		"make this site: its key and an empty state", command_init,
		"Prints the public key line, which goes into the peers'\n"
		"configuration. Refuses a state that has a key already.\n"
		"--continue: a new key for the site whose key line was LINE,\n"
		"as its peers still have it: for a key that is lost."},
	{"doctor", "[-O]",
		"look at this machine's mail and print a configuration",
		command_doctor,
		"The configuration goes to stdout, what was found to stderr.\n"
		"-O: do not ask doveconf, look at the files alone."},
	{"key", "[rotate | retire [--force]]",
		"print this site's public key line, or change its key",
		command_key,
		"rotate: a new key; peers are told, and the old one is used\n"
		"with each until it knows the new one. retire: destroy the\n"
		"old one. --force: though a peer may not know the new one."},
	{"write", "[--once|--follow]", "log what changed in the mail folders",
		command_program, NULL},
	{"ship", "[PEER [LINK]] [--once|--follow|--stdio] [--output FILE|-]",
		"hand over what peers lack, collect what they sent",
		command_program, NULL},
	{"apply", "[--once|--follow] [FILE...]",
		"bring what was received into the mail folders",
		command_program, NULL},
	{"sync", "[PEER]", "write, ship, apply and ship once: one cron line",
		command_sync,
		"A carrier that is not there (exit code 4) does not keep the\n"
		"rest from running; the worst exit code is the result."},
	{"status", "[--json]", "what each peer has, and what waits for whom",
		command_status,
		"Exit code 3 when something needs an operator."},
	{"resend", "[--dry-run] [--from LSN] PEER [ACCOUNT [FOLDER]]",
		"hand over again what a peer was handed before", command_resend,
		"From the beginning, or of one folder from an lsn on. The "
		"next\n"
		"hand-over sends it. For a peer that never answers, or lost "
		"what\n"
		"it had said that it has. --dry-run: say how much it would "
		"be."},
	{"scan", "[--deep] [--for TIME] [--rate BYTES] [ACCOUNT [FOLDER]]",
		"compare the mail, file by file, with the state",
		command_program,
		"--deep: read every body. --rate: at most so much a second\n"
		"(\"20M\"). --for: stop after that time (\"2h\"); the next "
		"scan\n"
		"goes on there. Exit code 3 as long as anything is damaged."},
	{"check", "", "verify our own files: state, logs, bundles",
		command_check, NULL},
	{"on", "ACCOUNT [FOLDER]", "log changes of an account or folder",
		command_logging, NULL},
	{"off", "ACCOUNT [FOLDER]", "log no changes of it until it is on",
		command_logging, NULL},
	{"guard", "accept ACCOUNT [FOLDER]", "let a mass of expunges through",
		command_guard, NULL},
	{"gap", "list [--json]|accept ACCOUNT FOLDER|ALL",
		"what is missing or differs, until it is mended", command_gap,
		"Exit code 3 as long as there is any. accept: it may stay."},
	{"held", "[--json] [PEER]|release PEER ID...",
		"list mail that is too large for a link, or send it",
		command_held,
		"From, subject, size, age and folder of what a link's hold\n"
		"keeps back. release: it goes all the same, with the next\n"
		"contact."},
	{"trash",
		"list [--json] [--since TIME] [--until TIME] [--folder FOLDER]"
		" [ACCOUNT]|restore [--dry-run] [--to FOLDER] [--since TIME]"
		" [--until TIME] [--folder FOLDER] ACCOUNT [ID...]",
		"list what replication removed, or put it back", command_trash,
		"Mail that peers expunged lies in the trash for a while. "
		"restore:\n"
		"mails by their ids, or all that were removed from a folder "
		"or\n"
		"between two times (\"2d\" ago, \"2026-11-20 14:30\"), come "
		"back as\n"
		"new mail where they were, or in the folder --to."},
	{"wait", "[--applied] [--timeout TIME] N ACCOUNT [FOLDER]",
		"wait until so many peers hold what was logged here",
		command_wait,
		"N peers: they have acknowledged all that was logged when this "
		"was\n"
		"called, mail included; --applied: and brought it into their "
		"folders.\n"
		"--timeout: exit code 4 after that time (\"30s\"). What was "
		"just\n"
		"delivered is logged by packetboat write."},
	{"explain", "[--json] ACCOUNT FOLDER UID|MESSAGE-ID|FILE|DOT",
		"tell a message's life", command_explain,
		"Where it was born, which changes of which sites came, by "
		"which\n"
		"place in a log, what lost against what, its UIDs, and which "
		"peers\n"
		"know it. DOT: as packetboat log prints it. Exit code 1: no "
		"such\n"
		"message is known."},
	{"folder", "restored ACCOUNT FOLDER",
		"its mail was restored from an older copy on purpose",
		command_folder,
		"What is missing in it comes back from a peer, what was\n"
		"expunged and is there again stays as new mail."},
	{"peer", "plan PEER [LINK] [--json]|expel PEER",
		"what its next call would carry; it is gone for good",
		command_peer,
		"plan: what would go, how many bytes, how long it would take,\n"
		"and what is held back; no call is made. expel: nothing is "
		"kept\n"
		"or packed for it or taken from it any more; what came stays."},
	{"account", "drop ACCOUNT|give ACCOUNT PEER",
		"forget an account that is gone; move one to a peer",
		command_account,
		"drop: its state and logs go, its mail stays. Take it out of "
		"the\n"
		"configuration first. give: from now on what users change at "
		"the\n"
		"peer goes out, and nothing that they change here. All UIDs "
		"stay."},
	{"media", "init DIR", "make a directory a carrier for dir: links",
		command_media, NULL},
	{"config", "", "print the configuration in force", command_config,
		NULL},
	{"log", "FILE...", "print segments, parcels and bundles as text",
		command_log,
		"Parcels are opened where this site's key can. What is whole\n"
		"is printed, then damage is told and the exit code is 1."},
	{"changes", "--since VECTOR|@FILE [--json] [ACCOUNT [FOLDER]]",
		"print what is new since a vector", command_changes,
		"The last line is the vector for the next time; '' is for all. "
		"Lines\n"
		"are as those of packetboat log. --json: an object a line."},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(*commands))

static const char exit_codes[] =
	"\nExit: 0 done; 1 failed; 2 wrong usage or configuration, or not yet "
	"built;\n"
	"3 done, but something needs an operator; 4 carrier not there or "
	"another\nrun at work, nothing lost.\n";

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void print_usage(void)
{
	printf("Usage: packetboat [-c FILE] [-q] [-v] COMMAND ...\n\n"
	       "Keeps mail folders the same on servers that are linked by "
	       "anything\nthat moves bytes or files.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].help);
	printf("  %-8s %s\n\n", "help", "[COMMAND]: print this");
	printf("  -c FILE  configuration (else $PACKETBOAT_CONF,\n"
	       "           ~/.config/packetboat/packetboat.conf,\n"
	       "           /etc/packetboat/packetboat.conf)\n"
	       "  -q       warnings and errors only\n"
	       "  -v       more\n"
	       "  --version\n");
	fputs(exit_codes, stdout);
}

static void print_help(const struct command *c)
{
	printf("Usage: packetboat [-c FILE] [-q] [-v] %s%s%s\n\n%s\n", c->name,
		c->args[0] ? " " : "", c->args, c->help);
	if (c->more)
		printf("\n%s\n", c->more);
	fputs(exit_codes, stdout);
}

int front_usage(struct front *f, const char *command)
{
	const struct command *c = find_command(command);

	log_say(&f->log, LOG_LEVEL_ERROR, "usage: packetboat %s%s%s", command,
		c && c->args[0] ? " " : "", c ? c->args : "");
	return EXIT_WRONG_USAGE;
}

int front_fail(struct front *f, const struct err *err)
{
	log_err(&f->log, err);
	return exit_for(err);
}

int front_config(struct front *f, struct config *ret, struct err *err)
{
	AUTO_FREE char *path = NULL;
	int rc = config_find(f->config_given, &path, err);

	return rc < 0 ? rc : config_load(path, ret, err);
}

/* Insertions, removals and replacements from a to b (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
	size_t row[32], len = strlen(b);

	if (len >= 32 || strlen(a) >= 32)
		return 32;
	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			corner = row[j];
			row[j] = best;
		}
	}
	return row[len];
}

static int unknown_command(struct front *f, const char *name)
{
	const struct command *nearest = NULL;
	size_t best = 4; /* further off is no suggestion */

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		size_t d = distance(name, commands[i].name);

		if (d < best && d < strlen(commands[i].name)) {
			best = d;
			nearest = &commands[i];
		}
	}
	if (nearest)
		log_say(&f->log, LOG_LEVEL_ERROR,
			"error: there is no command \"%s\"; is \"%s\" meant?",
			name, nearest->name);
	else
		log_say(&f->log, LOG_LEVEL_ERROR,
			"error: there is no command \"%s\" (packetboat help "
			"lists them)",
			name);
	return EXIT_WRONG_USAGE;
}

static int help_command(struct front *f, int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_usage();
		return EXIT_DONE;
	}
	c = find_command(argv[1]);
	if (!c)
		return unknown_command(f, argv[1]);
	print_help(c);
	return EXIT_DONE;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 ||
			strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int run_command(struct front *f, int argc, char **argv)
{
	const struct command *c;

	if (strcmp(argv[0], "help") == 0)
		return help_command(f, argc, argv);
	c = find_command(argv[0]);
	if (!c)
		return unknown_command(f, argv[0]);
	if (wants_help(argc, argv)) {
		print_help(c);
		return EXIT_DONE;
	}
	return c->run(f, argc, argv);
}

/*
 * Options before the command. Returns the index of the command, or -1 with
 * the exit code in ret.
 */
static int take_options(struct front *f, int argc, char **argv, int *ret)
{
	int i = 1;

	*ret = EXIT_DONE;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-q") == 0) {
			f->quiet = true;
		} else if (strcmp(argv[i], "-v") == 0) {
			f->verbose = true;
		} else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
			f->config_given = argv[++i];
		} else if (strncmp(argv[i], "-c", 2) == 0 && argv[i][2]) {
			f->config_given = argv[i] + 2;
		} else if (strcmp(argv[i], "--version") == 0) {
			printf("packetboat %s\n", PB_VERSION);
			return -1;
		} else if (strcmp(argv[i], "--help") == 0 ||
			   strcmp(argv[i], "-h") == 0) {
			print_usage();
			return -1;
		} else {
			log_say(&f->log, LOG_LEVEL_ERROR,
				strcmp(argv[i], "-c") == 0
					? "error: %s wants a file"
					: "error: unknown option %s "
					  "(packetboat help)",
				argv[i]);
			*ret = EXIT_WRONG_USAGE;
			return -1;
		}
	}
	if (i < argc)
		return i;
	log_say(&f->log, LOG_LEVEL_ERROR,
		"error: no command (packetboat help lists them)");
	*ret = EXIT_WRONG_USAGE;
	return -1;
}

int front_main(int argc, char **argv)
{
	struct front f = {0};
	int at, code;

	logger_open(&f.log, "packetboat", false);
	at = take_options(&f, argc, argv, &code);
	if (f.quiet)
		f.log.most = LOG_LEVEL_WARNING;
	if (f.verbose)
		f.log.most = LOG_LEVEL_DEBUG;
	if (at >= 0)
		code = run_command(&f, argc - at, argv + at);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_say(&f.log, LOG_LEVEL_ERROR,
			"error: what was to be printed could not be written");
		code = exit_worse(code, EXIT_FAILED);
	}
	logger_close(&f.log);
	return code;
}
