#!/bin/sh
# SPDX-License-Identifier: MIT
# inputs.sh DIR - writes the benchmarks' inputs into DIR, the same bytes everywhere, if they are not there yet.
set -eu
dir=$1
mkdir -p "$dir"

# Text with the statistics of prose and logs: words of a skewed distribution, now and then a number.  Park and Miller's
# generator stays below 2^53, so every awk gives the same bytes.
text() {
    awk -v bytes="$1" '
    function next_random() { seed = seed * 16807 % 2147483647; return seed }
    BEGIN {
        seed = 20
        for (i = 0; i < 4000; i++) {
            word = ""
            for (n = 2 + next_random() % 9; n; n--)
                word = word substr("etaoinshrdlucmfwypvbgkjqxz", 1 + int(26 * (next_random() / 2147483647) ^ 1.7), 1)
            words[i] = word
        }
        while (written < bytes) {
            line = next_random() % 50 ? "" : "at " next_random() ":"
            for (n = 4 + next_random() % 12; n; n--)
                line = line " " words[int(4000 * (next_random() / 2147483647) ^ 3)]
            print line
            written += length(line) + 1
        }
    }' | head -c "$1"
}

[ -f "$dir/text20" ] || { text 20000000 > "$dir/text20.part" && mv "$dir/text20.part" "$dir/text20"; }
[ -f "$dir/text2" ] || { head -c 2000000 "$dir/text20" > "$dir/text2.part" && mv "$dir/text2.part" "$dir/text2"; }

cat > "$dir/orders.sql" <<'SQL'
PRAGMA temp_store = memory;
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, region INTEGER);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, amount INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
  INSERT INTO customer SELECT i, 'customer ' || (i * 7919 % 40009), i * 31 % 17 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 550000)
  INSERT INTO orders SELECT i, 1 + i * 7919 % 40000, i * 104729 % 10007, 'note ' || i FROM n;
CREATE INDEX orders_customer ON orders(customer);
CREATE INDEX customer_name ON customer(name);
SELECT region, count(*), sum(amount) FROM orders JOIN customer ON customer.id = orders.customer GROUP BY region ORDER BY 3 DESC;
SELECT name, sum(amount) AS total FROM customer JOIN orders ON orders.customer = customer.id GROUP BY name ORDER BY total DESC LIMIT 5;
SELECT count(*) FROM orders WHERE note LIKE '%99%';
SQL

cat > "$dir/words.py" <<'PYTHON'
# Dictionaries, objects, strings and sorting: what CPython programs spend their time on.
import sys

class Node:
    def __init__(self, key):
        self.key = key
        self.left = self.right = None

def insert(root, key):
    while True:
        side = "left" if key < root.key else "right"
        child = getattr(root, side)
        if child is None:
            setattr(root, side, Node(key))
            return
        root = child

def depth(node):
    return 0 if node is None else 1 + max(depth(node.left), depth(node.right))

counts = {}
with open(sys.argv[1]) as text:
    for line in text:
        for word in line.split():
            counts[word] = counts.get(word, 0) + 1
ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
root = Node("m")
seed = 1
for _ in range(100000):
    seed = seed * 16807 % 2147483647
    insert(root, str(seed))
primes = [n for n in range(2, 60000) if all(n % d for d in range(2, int(n ** 0.5) + 1))]
print(len(counts), ranked[:3], depth(root), len(primes))
PYTHON

cat > "$dir/unit.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct entry { char *key; int value; struct entry *next; };
static struct entry *table[1024];
static unsigned hash(const char *s) { unsigned h = 5381; while (*s) h = h * 33 + (unsigned char)*s++; return h; }
int *slot(const char *key) {
    struct entry **at = &table[hash(key) % 1024], *e;
    for (e = *at; e; e = e->next) if (!strcmp(e->key, key)) return &e->value;
    e = malloc(sizeof *e); e->key = strdup(key); e->value = 0; e->next = *at; *at = e;
    return &e->value;
}
int main(void) {
    char word[64];
    while (scanf("%63s", word) == 1) ++*slot(word);
    for (int i = 0; i < 1024; i++) for (struct entry *e = table[i]; e; e = e->next) printf("%d %s\n", e->value, e->key);
    return 0;
}
C
