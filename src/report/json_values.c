/* SPDX-License-Identifier: MIT
 * json_values.c - numbers, strings and lists of the JSON view. */
#include "report/json_internal.h"
#include "report/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* JSON's integers end at 2^63 - 1 here; a larger count, which no run reaches, is given as a string of digits. */
json_t *json_of_num(struct num n)
{
    char digits[24];

    if (!n.known)
        return json_null();
    if (n.n <= INT64_MAX)
        return json_integer((json_int_t)n.n);
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)n.n);
    return json_string(digits);
}

/* JSON is UTF-8; a byte that is not becomes U+FFFD. */
json_t *json_of_text(const char *s)
{
    char *clean, *to;
    json_t *j;

    if (!s)
        return json_null();
    to = clean = malloc(3 * strlen(s) + 1);
    if (!clean)
        return NULL;
    while (*s) {
        unsigned len = utf8_length(s);
        memcpy(to, len ? s : "\xef\xbf\xbd", len ? len : 3);
        to += len ? len : 3;
        s += len ? len : 1;
    }
    j = json_stringn(clean, (size_t)(to - clean));
    free(clean);
    return j;
}

json_t *json_of_share(double x) { return x < 0 ? json_null() : json_real(x); }

json_t *json_group(const char *certainty)
{
    json_t *o = json_object();
    json_object_set_new(o, "certainty", json_string(certainty));
    return o;
}

void json_put(json_t *o, const char *key, struct num n) { json_object_set_new(o, key, json_of_num(n)); }
void json_put_text(json_t *o, const char *key, const char *s) { json_object_set_new(o, key, json_of_text(s)); }

json_t *json_of_table(const struct results_table *t, const struct json_key *keys, size_t n)
{
    json_t *list = json_array();

    for (size_t row = 0; row < table_rows(t); row++) {
        json_t *o = json_object();
        for (size_t k = 0; k < n; k++) {
            int column = table_column(t, keys[k].column);
            if (keys[k].column[0] == '$')
                json_put_text(o, keys[k].key, column < 0 ? NULL : table_text(t, row, column));
            else
                json_put(o, keys[k].key, table_num(t, row, column));
        }
        json_array_append_new(list, o);
    }
    return list;
}

/* A key from the file may be any bytes; JSON keys are UTF-8. */
void json_put_key(json_t *o, const char *key, json_t *value)
{
    json_t *clean = json_of_text(key);
    json_object_set_new(o, json_string_value(clean), value);
    json_decref(clean);
}
