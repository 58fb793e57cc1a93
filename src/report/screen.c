/* SPDX-License-Identifier: MIT
 * screen.c - lines of text with columns and colours. */
#include "report/screen.h"
#include "report/format.h"

#include <stdarg.h>

static const char *const escape[] = {
    [PLAIN] = "", [BOLD] = "\033[1m", [DIM] = "\033[2m", [WARN] = "\033[1;33m", [ALARM] = "\033[1;31m", [GOOD] = "\033[32m",
};

void screen_put(struct screen *s, enum style style, const char *text)
{
    bool styled = s->colour && style != PLAIN && *text;

    if (styled)
        fputs(escape[style], s->out);
    fputs(text, s->out);
    if (styled)
        fputs("\033[0m", s->out);
    s->column += format_columns(text);
}

void screen_printf(struct screen *s, enum style style, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    screen_put(s, style, text);
}

void screen_to(struct screen *s, unsigned column)
{
    for (; s->column < column; s->column++)
        fputc(' ', s->out);
}

void screen_right(struct screen *s, enum style style, unsigned end_column, const char *text)
{
    unsigned columns = format_columns(text);

    if (s->column + columns < end_column)
        screen_to(s, end_column - columns);
    else if (s->column + columns > end_column)
        screen_to(s, s->column + 1);
    screen_put(s, style, text);
}

void screen_end(struct screen *s)
{
    fputc('\n', s->out);
    s->column = 0;
}
