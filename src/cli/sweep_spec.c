/* SPDX-License-Identifier: MIT
 * sweep_spec.c - reads the text file of a sweep (docs/formats.md, "Sweeps").  Called by sweep_cmd.c.
 *
 * A line is a keyword and its words; a word with blanks stands in double quotes.  Paths are from the file's own folder, and
 * recordings may be patterns of the shell.  Everything is checked here, so that no command of the sweep is wrong. */
#include "cli/sweep_spec.h"
#include "cli/cli.h"
#include "cli/replay_settings.h"
#include "probe/resolve.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- words ------------------------------------------------------------------------------------------------------------ */

/* Takes word (from malloc; NULL: no memory). */
static bool add(struct sweep_words *w, char *word)
{
    char **more = word ? realloc(w->word, (w->n + 1) * sizeof *more) : NULL;
    w->word = more ? more : w->word;
    if (more)
        w->word[w->n++] = word;
    else
        free(word);
    return more != NULL;
}

static void words_free(struct sweep_words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->word[i]);
    free(w->word);
}

/* The next word of *line, ended by a zero; NULL: there is none.  *quoted: it stood in quotes. */
static char *next_word(char **line, bool *quoted)
{
    char *word = *line + strspn(*line, " \t\r\n"), *end;
    *quoted = *word == '"';
    if (*quoted)
        end = strchr(++word, '"');
    else
        end = word + strcspn(word, " \t\r\n");
    if (!end)
        end = word + strlen(word);
    if (!*word || (!*quoted && *word == '#'))
        return NULL;
    *line = *end ? end + 1 : end;
    *end = 0;
    return word;
}

/* ---- paths ------------------------------------------------------------------------------------------------------------ */

struct reading { const char *file; char *folder; unsigned line; struct sweep_spec *spec; };

static bool __attribute__((format(printf, 2, 3))) wrong(const struct reading *r, const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    say("%s, line %u: %s", r->file, r->line, what);
    return false;
}

static bool no_memory(void)
{
    say("not enough memory");
    return false;
}

static char *from_folder(const struct reading *r, const char *path)
{
    char *whole = NULL;
    if (*path == '/')
        return strdup(path);
    return asprintf(&whole, "%s/%s", r->folder, path) < 0 ? NULL : whole;
}

/* What results of this recording are called: its path as it stands, in one piece. */
static char *called(const char *path)
{
    char *name = strdup(path);
    for (char *c = name; name && *c; c++)
        *c = *c == '/' ? '_' : *c;
    return name;
}

static bool add_recording(struct reading *r, const char *path, const char *as_written)
{
    struct sweep_spec *s = r->spec;
    char *name = called(as_written);
    if (access(path, R_OK)) {
        free(name);
        return wrong(r, "%s cannot be read: %s", path, strerror(errno));
    }
    for (size_t i = 0; name && i < s->called.n; i++)
        if (!strcmp(s->called.word[i], name)) {
            free(name);
            return wrong(r, "%s would be called as %s is; name one of them by another path", path, s->recording.word[i]);
        }
    return (add(&s->called, name) && add(&s->recording, strdup(path))) || no_memory();
}

static bool add_matches(struct reading *r, const char *pattern, const char *as_written)
{
    const size_t front = strlen(pattern) - strlen(as_written);
    glob_t found;
    bool good = true;
    int status = glob(pattern, 0, NULL, &found);
    if (status)
        return wrong(r, status == GLOB_NOMATCH ? "nothing is called %s" : "%s cannot be looked for", pattern);
    for (size_t i = 0; good && i < found.gl_pathc; i++)
        good = add_recording(r, found.gl_pathv[i], found.gl_pathv[i] + front);
    globfree(&found);
    return good;
}

static bool take_recording(struct reading *r, char *word, bool quoted)
{
    char *path = from_folder(r, word);
    bool good = path ? (quoted ? add_recording(r, path, word) : add_matches(r, path, word)) : no_memory();
    free(path);
    return good;
}

static bool take_results(struct reading *r, char *word, bool quoted)
{
    (void)quoted;
    free(r->spec->results);
    r->spec->results = from_folder(r, word);
    return r->spec->results || no_memory();
}

/* ---- settings ----------------------------------------------------------------------------------------------------------- */

static struct sweep_setting *setting_called(struct sweep_spec *s, const char *name)
{
    unsigned i = 0;
    while (i < s->settings && strcmp(s->setting[i].name, name))
        i++;
    if (i == s->settings)
        s->setting[s->settings++] = (struct sweep_setting){ .name = name };
    return &s->setting[i];
}

/* As the command line of a replay would take it. */
static bool is_value(const char *name, const char *value)
{
    char *option = NULL, *argv[] = { (char *)"replay", NULL, (char *)"-", NULL };
    struct replay_options o;
    struct replay_settings s = { .profile = NULL };
    bool good = asprintf(&option, "--%s=%s", name, value) > 0;
    argv[1] = option;
    good = good && !parse_replay_options(3, argv, &o) && replay_settings_of("sweep", &o, &s);
    profile_release(s.profile);
    free(option);
    return good;
}

/* A profile in a file is named from the root, too. */
static bool take_value(struct reading *r, const char *name, const char *word)
{
    char *value = !strcmp(name, "cpu") && strchr(word, '/') ? from_folder(r, word) : strdup(word);
    struct sweep_setting *s = setting_called(r->spec, name);
    if (!value)
        return no_memory();
    for (size_t i = 0; i < s->value.n; i++)
        if (!strcmp(s->value.word[i], value)) {
            free(value);
            return wrong(r, "%s %s stands twice", name, word);
        }
    if (!is_value(name, value)) {
        free(value);
        return wrong(r, "%s %s is no setting of a replay", name, word);
    }
    return add(&s->value, value) || no_memory();
}

/* ---- lines ------------------------------------------------------------------------------------------------------------- */

static const struct { const char *name; bool (*take)(struct reading *r, char *word, bool quoted); } keywords[] = {
    { "recording", take_recording }, { "results", take_results }, { "cpu", NULL },   { "cpus", NULL }, { "thp", NULL },
    { "kernel", NULL },              { "fault-around", NULL },    { "pages", NULL }, { "ram", NULL },  { "guest", NULL },
    { "host-pages", NULL },
};
enum { KEYWORDS = sizeof keywords / sizeof keywords[0] };

static const char *keyword_name(const void *ctx, unsigned i)
{
    (void)ctx;
    return i < KEYWORDS ? keywords[i].name : NULL;
}

static bool unknown_keyword(const struct reading *r, const char *word)
{
    const char *near = suggest(word, keyword_name, NULL);
    return near ? wrong(r, "there is no '%s'; did you mean '%s'?", word, near) : wrong(r, "there is no '%s'", word);
}

static bool take_line(struct reading *r, char *line)
{
    bool quoted, good = true;
    char *word = next_word(&line, &quoted), *value;
    unsigned i = 0, n = 0;
    if (!word)
        return true;
    while (i < KEYWORDS && strcmp(word, keywords[i].name))
        i++;
    if (i == KEYWORDS)
        return unknown_keyword(r, word);
    for (; good && (value = next_word(&line, &quoted)); n++)
        good = keywords[i].take ? keywords[i].take(r, value, quoted) : take_value(r, keywords[i].name, value);
    return good && !n ? wrong(r, "%s wants a word or more", word) : good;
}

static bool read_lines(struct reading *r, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    bool good = true;
    for (; good && getline(&line, &room, f) >= 0; good = take_line(r, line))
        r->line++;
    free(line);
    return good;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------- */

/* The folder that a file is in, from the root. */
static char *folder_of(const char *file)
{
    char *whole = realpath(file, NULL), *slash = whole ? strrchr(whole, '/') : NULL;
    if (slash)
        slash[slash == whole] = 0;
    return whole;
}

static bool has(const struct sweep_spec *s, const char *name)
{
    for (unsigned i = 0; i < s->settings; i++)
        if (!strcmp(s->setting[i].name, name))
            return true;
    return false;
}

static bool complete(struct reading *r)
{
    struct sweep_spec *s = r->spec;
    if (!s->recording.n) {
        say("%s names no recording", r->file);
        return false;
    }
    if (has(s, "pages") && has(s, "thp")) {
        say("%s sets both pages and thp, which say the same", r->file);
        return false;
    }
    if (!s->results)
        s->results = from_folder(r, "sweep.results");
    return s->results || no_memory();
}

bool sweep_read(const char *file, struct sweep_spec *spec)
{
    struct reading r = { .file = file, .spec = spec };
    FILE *f = fopen(file, "re");
    bool good;
    *spec = (struct sweep_spec){ 0 };
    if (!f || !(r.folder = folder_of(file))) {
        say("%s cannot be read: %s", file, strerror(errno));
        if (f)
            fclose(f);
        return false;
    }
    good = read_lines(&r, f) && complete(&r);
    fclose(f);
    free(r.folder);
    return good;
}

void sweep_free(struct sweep_spec *spec)
{
    words_free(&spec->recording);
    words_free(&spec->called);
    for (unsigned i = 0; i < spec->settings; i++)
        words_free(&spec->setting[i].value);
    free(spec->results);
}
