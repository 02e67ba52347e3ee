/*
 * doctor_mail: where the mail lies and what serves it: Dovecot's word for it,
 * or a look at the usual places.
 */
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor.h"
#include "err.h"

static void add_string(struct doctor *d, const char *text)
{
	buf_add_byte(&d->conf, '"');
	for (; *text; text++) {
		if (strchr("\"\\$", *text))
			buf_add_byte(&d->conf, '\\');
		buf_add_byte(&d->conf, (uint8_t)*text);
	}
	buf_add_byte(&d->conf, '"');
}

static void add_text(struct doctor *d, const char *key, const char *text)
{
	if (!text)
		return;
	buf_printf(&d->conf, "\t%s = ", key);
	add_string(d, text);
	buf_add_byte(&d->conf, '\n');
}

/* Names that the server gives to folders of special use \Trash and \Junk,
   where they are others than the usual ones. */
static void add_exempt(struct doctor *d)
{
	const char **own;
	size_t usual_count, own_count = doveconf_transient(&d->dovecot, &own);
	const char *const *usual = config_exempt_names(&usual_count);
	bool news = false;

	for (size_t i = 0; i < own_count; i++) {
		bool known = false;

		for (size_t k = 0; k < usual_count && !known; k++)
			known = strcasecmp(own[i], usual[k]) == 0;
		if (known)
			continue;
		if (!news) {
			buf_add_str(&d->conf, "\tguard_exempt = {");
			for (size_t k = 0; k < usual_count; k++) {
				buf_add_str(&d->conf, k ? ", " : " ");
				add_string(d, usual[k]);
			}
		}
		news = true;
		buf_add_str(&d->conf, ", ");
		add_string(d, own[i]);
	}
	if (news)
		buf_add_str(&d->conf, " }\n");
}

static void add_account(struct doctor *d, const char *name, const char *maildir,
	const char *control, const char *index, const char *inbox, bool fs)
{
	if (name)
		buf_printf(&d->conf, "account \"%s\" {\n", name);
	else
		buf_add_str(&d->conf, "accounts {\n");
	add_text(d, "maildir", maildir);
	add_text(d, "control", control);
	add_text(d, "index", index);
	add_text(d, "inbox", inbox);
	if (fs)
		add_text(d, "layout", "fs");
	add_exempt(d);
	buf_add_str(&d->conf, "}\n");
}

/* ---- what Dovecot says ---- */

static bool is_yes(const char *value)
{
	return value && strcmp(value, "yes") == 0;
}

static void refuse_driver(struct doctor *d, const char *driver)
{
	if (strcmp(driver, "mbox") == 0)
		doctor_refuse(d,
			"mbox: mail is kept in mbox files; Packetboat knows "
			"Maildir only. Way out, per user: doveadm backup -u "
			"USER maildir:~/Maildir, then set mail_location = "
			"maildir:~/Maildir");
	else if (strcmp(driver, "mdbox") == 0 || strcmp(driver, "sdbox") == 0 ||
		 strcmp(driver, "dbox") == 0)
		doctor_refuse(d,
			"%s: mail is kept in Dovecot's own format; Packetboat "
			"knows Maildir only. Way out, per user: doveadm backup "
			"-u USER maildir:~/Maildir, then set mail_location = "
			"maildir:~/Maildir",
			driver);
	else
		doctor_refuse(d,
			"%s: a store of this kind cannot be replicated; "
			"Packetboat knows Maildir only",
			driver);
}

static void check_settings(struct doctor *d)
{
	const struct doveconf *dc = &d->dovecot;
	const char *layout = d->mail.layout;

	if (is_yes(doveconf_get(dc, "", "maildir_very_dirty_syncs")))
		doctor_refuse(d,
			"maildir_very_dirty_syncs=yes: Dovecot would not see "
			"flags that Packetboat brings. Way out: set "
			"maildir_very_dirty_syncs = no (the default)");
	if (is_yes(doveconf_get(dc, "", "mailbox_list_utf8")))
		doctor_refuse(d,
			"mailbox_list_utf8=yes: folder names on disk must be "
			"mUTF-7. Way out: set mailbox_list_utf8 = no (the "
			"default)");
	if (strcasecmp(layout, "maildir++") != 0 &&
		strcasecmp(layout, "fs") != 0)
		doctor_refuse(d,
			"LAYOUT=%s: only Maildir++ and LAYOUT=fs can be "
			"replicated. Way out, per user: doveadm backup -u "
			"USER maildir:~/NewMaildir",
			layout);
	if (is_yes(doveconf_get(dc, "", "pop3_lock_session")))
		doctor_warn(d, "pop3_lock_session=yes: while a POP3 session "
			       "is open, that folder waits");
	for (size_t i = 0; i < dc->count; i++) {
		const struct doveconf_setting *s = &dc->settings[i];

		if (strncmp(s->block, "namespace", 9) == 0 &&
			strcmp(s->key, "location") == 0 && s->value[0])
			doctor_warn(d,
				"%s has a location of its own (%s): it is not "
				"replicated",
				s->block, s->value);
	}
}

/* As root, where Dovecot finds users in the passwd database. */
static const char *home_pattern(struct doctor *d)
{
	if (d->mail.home)
		return d->mail.home;
	doctor_note(d, "homes are taken to be /home/%%u, as for users of the "
		       "system; change the accounts block where they are not");
	return "/home/%u";
}

void doctor_dovecot(struct doctor *d)
{
	struct doveconf_mail *m = &d->mail;
	const char *user = d->root ? NULL : d->user, *home;
	const char *maildir, *control, *index, *inbox;

	doveconf_mail(&d->dovecot, m);
	doctor_note(d, "Dovecot %s: %s%s%s",
		d->dovecot.version[0] ? d->dovecot.version
				      : "(version not "
					"said)",
		m->driver[0] ? m->driver : "format not said",
		m->path[0] ? " at " : "", m->path);
	if (m->driver[0] && strcmp(m->driver, "maildir") != 0 &&
		strcmp(m->driver, "auto") != 0)
		refuse_driver(d, m->driver);
	check_settings(d);
	if (d->refusals)
		return;
	if (!m->path[0]) {
		doctor_note(d, "Dovecot does not say where mail lies");
		doctor_guess(d);
		return;
	}
	home = d->root ? home_pattern(d) : d->home;
	maildir = doveconf_path(&d->arena, m->path, home, user);
	control = doveconf_path(&d->arena, m->control, home, user);
	index = doveconf_path(&d->arena, m->index, home, user);
	/* 2.4 says "." for an INBOX in the root */
	inbox = m->inbox && strcmp(m->inbox, ".") != 0
			? doveconf_path(&d->arena, m->inbox, home, user)
			: NULL;
	if (!maildir || (m->control && !control) || (m->index && !index)) {
		doctor_refuse(d,
			"%s: there is a variable in it that has no "
			"counterpart here; write account blocks by hand",
			m->path);
		return;
	}
	if (d->root && !strchr(maildir, '%')) {
		doctor_refuse(d,
			"%s: all users would share this Maildir; write an "
			"account block by hand if there is one user only",
			maildir);
		return;
	}
	add_account(d, user, maildir, control, index, inbox,
		strcasecmp(m->layout, "fs") == 0);
}

/* ---- a look at the usual places ---- */

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_mbox(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

static bool guess_own(struct doctor *d)
{
	static const char *const places[] = {
		"Maildir", ".maildir", "Mail", "mail"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", d->home, places[i]);
		AUTO_FREE char *cur = mem_printf("%s/cur", path);

		if (!is_dir(cur))
			continue;
		doctor_note(d, "a Maildir at %s", path);
		add_account(d, d->user, path, NULL, NULL, NULL, false);
		return true;
	}
	return false;
}

static bool guess_all(struct doctor *d)
{
	static const char *const places[][2] = {
		{"/var/vmail/*/*/Maildir/cur", "/var/vmail/%d/%n/Maildir"},
		{"/var/vmail/*/*/cur", "/var/vmail/%d/%n"},
		{"/var/mail/vhosts/*/*/cur", "/var/mail/vhosts/%d/%n"},
		{"/home/*/Maildir/cur", "/home/%u/Maildir"},
	};
	bool found = false;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		glob_t matches = {0};

		if (glob(places[i][0], GLOB_NOSORT, NULL, &matches) == 0) {
			doctor_note(d, "%zu Maildirs at %s", matches.gl_pathc,
				places[i][1]);
			add_account(
				d, NULL, places[i][1], NULL, NULL, NULL, false);
			found = true;
		}
		globfree(&matches);
	}
	return found;
}

void doctor_guess(struct doctor *d)
{
	AUTO_FREE char *spool = mem_printf("/var/mail/%s", d->user);

	if (d->dovecot.count == 0)
		doctor_note(d, "no word from Dovecot: a look at the files");
	if (d->root ? guess_all(d) || guess_own(d) : guess_own(d))
		return;
	if (is_mbox(spool))
		doctor_refuse(d,
			"mbox: mail is kept in %s; Packetboat knows Maildir "
			"only. Way out: have it delivered to ~/Maildir/",
			spool);
	else
		doctor_refuse(d,
			"no Maildir found in the usual places; write an "
			"account block by hand (see packetboat.conf(5))");
}
