#include "shell.h"

#include <string.h>

#include "mem.h"

static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_";

char *shell_word(const char *text)
{
	struct buf out = BUF_INIT;

	if (*text && *text != '-' && !text[strspn(text, plain)])
		return mem_dup(text);
	buf_add_byte(&out, '\'');
	for (; *text; text++)
		if (*text == '\'')
			buf_add_str(&out, "'\\''");
		else
			buf_add_byte(&out, (uint8_t)*text);
	buf_add_byte(&out, '\'');
	buf_str(&out);
	return (char *)out.data;
}
