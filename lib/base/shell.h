/*
 * shell: names in commands that a message suggests, so that they can be
 * pasted: folder names hold blanks, and & where they are coded.
 */
#ifndef PB_SHELL_H
#define PB_SHELL_H

/* One word for a POSIX shell; quoted only if it has to be. Freed by the
   caller. */
char *shell_word(const char *text);

#endif
