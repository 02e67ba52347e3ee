/*
 * err: filling and wrapping struct err. Text that does not fit is cut at the
 * end: the outer nouns, which name the file, stay readable.
 */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Format beside err first: an argument may be err's own text. */
__attribute__((format(printf, 4, 0))) static void fill(
	struct err *err, int code, int os_errno, const char *fmt, va_list ap)
{
	char text[sizeof(err->text)];

	vsnprintf(text, sizeof(text), fmt, ap);
	memcpy(err->text, text, strlen(text) + 1);
	err->code = code;
	err->os_errno = os_errno;
}

static void append(struct err *err, const char *what)
{
	size_t len = strlen(err->text);
	size_t room = sizeof(err->text) - len - 1;
	size_t add = strlen(what);

	if (add > room)
		add = room;
	memcpy(err->text + len, what, add);
	err->text[len + add] = '\0';
}

static int code_of_errno(int os_errno)
{
	switch (os_errno) {
	case ENOENT:
	case ENOTDIR:
		return ERR_ABSENT;
	case EAGAIN:
		return ERR_BUSY;
	default:
		return ERR_IO;
	}
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	fill(err, code, 0, fmt, ap);
	va_end(ap);
	return code;
}

int err_set_os(struct err *err, int os_errno, const char *fmt, ...)
{
	int code = code_of_errno(os_errno);
	char words[128];
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	fill(err, code, os_errno, fmt, ap);
	va_end(ap);
	append(err, ": ");
	append(err, strerror_r(os_errno, words, sizeof(words)));
	if (os_errno == EACCES)
		append(err, " (see who owns it, and its mode)");
	return code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[sizeof(err->text)];
	va_list ap;

	if (!err)
		return ERR_IO;
	memcpy(inner, err->text, sizeof(inner));
	inner[sizeof(inner) - 1] = '\0';
	va_start(ap, fmt);
	fill(err, err->code, err->os_errno, fmt, ap);
	va_end(ap);
	append(err, ": ");
	append(err, inner);
	return err->code;
}
