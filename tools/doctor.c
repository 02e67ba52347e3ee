/*
 * doctor: `packetboat doctor`: looks at this machine's mail and prints a
 * configuration that fits it, or says by name what cannot work and the way
 * out. Changes nothing.
 *
 * The configuration goes to stdout, findings to stderr, so that
 * `packetboat doctor >packetboat.conf` is a start. What is printed was loaded
 * the way the programs load it.
 */
#include "doctor.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "err.h"
#include "os.h"

#define NAME_BYTES 65

__attribute__((format(printf, 3, 0))) static void say(
	struct doctor *d, enum log_level level, const char *fmt, va_list args)
{
	static const char *const kinds[] = {
		[LOG_LEVEL_ERROR] = "refused: ",
		[LOG_LEVEL_WARNING] = "warning: ",
		[LOG_LEVEL_INFO] = "",
	};
	char text[900];

	vsnprintf(text, sizeof(text), fmt, args);
	log_say(&d->front->log, level, "%s%s", kinds[level], text);
}

void doctor_note(struct doctor *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(d, LOG_LEVEL_INFO, fmt, args);
	va_end(args);
}

void doctor_warn(struct doctor *d, const char *fmt, ...)
{
	va_list args;

	d->warnings++;
	va_start(args, fmt);
	say(d, LOG_LEVEL_WARNING, fmt, args);
	va_end(args);
}

void doctor_refuse(struct doctor *d, const char *fmt, ...)
{
	va_list args;

	d->refusals++;
	va_start(args, fmt);
	say(d, LOG_LEVEL_ERROR, fmt, args);
	va_end(args);
}

/* ---- asking doveconf ---- */

static void ask_dovecot(struct doctor *d)
{
	AUTO_BUF struct buf text = BUF_INIT;
	FILE *pipe = popen("PATH=\"$PATH:/usr/sbin:/usr/local/bin:"
			   "/usr/local/sbin\" doveconf -n 2>/dev/null",
		"r");

	if (!pipe)
		return;
	while (text.len < DOVECONF_TEXT_MAX) {
		uint8_t *room = buf_room(&text, 4096);
		size_t got = fread(room, 1, 4096, pipe);

		if (got == 0)
			break;
		text.len += got;
	}
	if (pclose(pipe) == 0 && text.len)
		doveconf_parse((const char *)text.data, text.len, &d->dovecot);
}

/* ---- the configuration ---- */

/* The first label of the host's name, as far as a site's name may hold it. */
static void site_name(char ret[NAME_BYTES])
{
	char host[NAME_BYTES];
	size_t len = 0;
	struct os *os = os_real();

	os->ops->hostname(os, host, sizeof(host));
	for (const char *c = host; *c && *c != '.'; c++)
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			(*c >= '0' && *c <= '9') || (*c == '-' && len))
			ret[len++] = *c;
	ret[len] = '\0';
	if (len == 0)
		snprintf(ret, NAME_BYTES, "here");
}

static void begin_configuration(struct doctor *d)
{
	char name[NAME_BYTES];

	site_name(name);
	d->state = d->root ? mem_dup("/var/lib/packetboat")
			   : mem_printf("%s/.local/state/packetboat", d->home);
	buf_printf(&d->conf, "site \"%s\" {\n\tstate = \"%s\"\n}\n", name,
		d->state);
}

static void end_configuration(struct doctor *d)
{
	buf_add_str(&d->conf,
		"# For each other site, with the key line that `packetboat "
		"key` prints there:\n"
		"#peer \"NAME\" {\n"
		"#\tkey = \"pb1:...\"\n"
		"#\tvia = \"dir:/media/usb\"\n"
		"#}\n");
}

/* Load what we are about to print, as any program would. */
static int load_configuration(struct doctor *d, struct config *ret,
	struct config_account **accounts, size_t *count, struct err *err)
{
	int fd = memfd_create("packetboat.conf", MFD_CLOEXEC), rc;
	AUTO_FREE char *path = mem_printf("/proc/self/fd/%d", fd);

	if (fd < 0 ||
		write(fd, d->conf.data, d->conf.len) != (ssize_t)d->conf.len)
		rc = err_set(err, ERR_IO, "no memory file");
	else
		rc = config_load(path, ret, err);
	if (fd >= 0)
		close(fd);
	if (rc == 0)
		rc = config_accounts(ret, &d->arena, accounts, count, err);
	return rc;
}

static void look_at_accounts(struct doctor *d)
{
	struct config c = {0};
	struct config_account *accounts = NULL;
	struct err err = ERR_INIT;
	size_t count = 0;

	if (load_configuration(d, &c, &accounts, &count, &err) < 0) {
		doctor_refuse(d, "%s", err.text);
	} else {
		doctor_accounts(d, accounts, count);
		if (count)
			doctor_space(d, "the mail", accounts[0].maildir);
	}
	doctor_space(d, "the state", d->state);
	config_free(&c);
}

static void who_am_i(struct doctor *d)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *home = getenv("HOME");

	d->root = getuid() == 0;
	d->user = pw ? pw->pw_name : "me";
	d->user = arena_dup(&d->arena, d->user, strlen(d->user));
	if (!home || home[0] != '/')
		home = pw ? pw->pw_dir : "/";
	d->home = arena_dup(&d->arena, home, strlen(home));
}

static void end(struct doctor *d)
{
	doveconf_free(&d->dovecot);
	buf_free(&d->conf);
	arena_free(&d->arena);
	free(d->state);
}

int command_doctor(struct front *f, int argc, char **argv)
{
	struct doctor d = {.front = f, .dovecot = {.version = ""}};
	bool ask = true;
	int code;

	if (argc == 2 && strcmp(argv[1], "-O") == 0)
		ask = false;
	else if (argc != 1)
		return front_usage(f, argv[0]);
	who_am_i(&d);
	begin_configuration(&d);
	if (ask)
		ask_dovecot(&d);
	if (d.dovecot.count)
		doctor_dovecot(&d);
	else
		doctor_guess(&d);
	doctor_clock(&d);
	doctor_rights(&d);
	doctor_containers(&d);
	if (!d.refusals)
		look_at_accounts(&d);
	end_configuration(&d);
	if (!d.refusals)
		fwrite(d.conf.data, 1, d.conf.len, stdout);
	else
		doctor_note(&d, "no configuration is printed: put right what "
				"is refused above, then ask again");
	code = d.refusals ? EXIT_WRONG_USAGE : EXIT_DONE;
	end(&d);
	return code;
}
