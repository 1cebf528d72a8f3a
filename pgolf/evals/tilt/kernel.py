"""The n-gram predictor in C: one pass over a stream; the hint for x[p] is written before x[p] is read.

    tables   ten of 2^bits entries (orders 8, 10 .. 16, for each the contexts, then the pairs of context and next token), then
             eight of 2^word_bits (three ranks of places inside a word, then word starts after four words, likewise)
    entry    key, how often, and for a context the token that followed most and how often it did. All zero is empty: keys are
             stored complemented, so that fresh memory is an empty table and unused pages cost nothing.

For each order: find the context, hint if its best token is sure enough and old enough. Then x[p] is read and counted in all
orders, while the entries of the contexts that end in x[p] are fetched. A table drops what finds 16 entries in its way.
A word table is asked only where the token before is fit for it: one inside words after a token inside a word, one of word
starts after a word start. (The first version asked what x[p] is, so that the presence of a hint told of x[p].)
From    parameter-golf PR 1420, with the gates of PR 1514: constants, thresholds, order of updates
"""

SOURCE = """
#include <stdint.h>
typedef uint64_t u;
typedef struct {u key; uint32_t count; uint16_t best, times;} entry;
static const u prime[] = {36313, 27191, 51647, 81929, 131071, 196613, 262147, 393241, 524309, 655373, 786433, 917521, 1048583,
1179653, 1310729, 1441801, 1572869, 1703941, 1835017, 1966087, 2097169, 2228243, 2359319, 2490389, 2621471, 2752549, 2883617,
3014687, 3145757, 3276833, 3407903, 3538973};
static entry *at(entry *table, int bits, u key) {
    return table + (key & (1ull << bits) - 1);
}
static entry *find(entry *table, int bits, u key) {
    for (int i = 0; i < 16; i++) {
        entry *e = at(table, bits, key * 0x9E3779B97F4A7C15 + i);
        if (e->key == ~key || !e->key) return e;
    }
    return 0;
}
static int hint(entry *table, int bits, u key, double sure, int often, double *share) {
    entry *e = find(table, bits, key);
    if (!e || !e->key || e->count < often) return -1;
    *share = (double)e->times / e->count;
    return *share >= sure ? e->best : -1;
}
static void count(entry *table, int bits, u key, u pair, int token) {
    uint32_t seen = 0;
    entry *e = find(table + (1ull << bits), bits, pair);
    if (e) e->key = ~pair, seen = ++e->count;
    e = find(table, bits, key);
    if (!e) return;
    e->key = ~key;
    if (!e->count++) e->best = token, e->times = 1;
    else if (token == e->best) e->times++;
    else if (seen > e->times) e->best = token, e->times = seen < 65535 ? seen : 65535;
}
void predict(const uint16_t *x, long n, const char *starts, const char *boundary, entry *tables, int bits, int word_bits,
             double beta, double bonus, int32_t *hints, double *betas) {
    u context[17] = {0}, next[17] = {0}, inside = 0, word = 0, last = 0, past[4] = {0};
    int depth = 0, length = 0, words = 0;
    entry *in = tables + (10ull << bits), *start = in + (6ull << word_bits);
    for (long p = 1; p < n; p++) {
        int before = x[p - 1], best = -1, other = -1, token, o;
        double share;
        for (o = 16; o > 7 && best < 0; o -= 2) if (o <= p)
            best = hint(tables + (o - 8ull << bits), bits, context[o], o < 11 ? .7 : o < 14 ? .6 : .5, o < 11 ? 3 : 2, &share);
        betas[p] = best < 0 ? 0 : beta * share;
        entry *ranked = in + (2ull * (depth < 4 ? depth - 1 : 2) << word_bits);
        u here = inside ^ depth * 0x9E3779B185EBCA87;
        if (starts[before]) other = words > 3 ? hint(start, word_bits, last, .8, 3, &share) : -1;
        else if (!boundary[before] && depth) other = hint(ranked, word_bits, here, .25, 1, &share);
        if (best >= 0 && best == other) betas[p] += bonus;
        hints[p] = best < 0 ? other : best;

        token = x[p];
        for (o = 8; o < 17; o += 2) if (o <= p)
            __builtin_prefetch(at(tables + (o - 7ull << bits), bits,
                                  (context[o] * 1000003 ^ token * prime[o]) * 0x9E3779B97F4A7C15));
        for (o = 1; o < 17 && o <= p + 1; o++) {
            next[o] = next[o - 1] ^ x[p + 1 - o] * prime[o - 1];
            if (o > 7 && o % 2 == 0) __builtin_prefetch(at(tables + (o - 8ull << bits), bits, next[o] * 0x9E3779B97F4A7C15));
        }
        for (o = 8; o < 17; o += 2) if (o <= p)
            count(tables + (o - 8ull << bits), bits, context[o], context[o] * 1000003 ^ token * prime[o], token);
        for (o = 8; o < 17; o++) context[o] = next[o];
        if (boundary[token] || starts[token] || !depth) {
            inside = boundary[token] ? 0 : (token + 1) * *prime;
            depth = !boundary[token];
        } else {
            count(ranked, word_bits, here, here * 1000003 ^ token * *prime, token);
            inside = inside * 1099511628211 ^ (token + 1) * prime[depth++ % 32];
        }
        if (length && (boundary[token] || starts[token])) {
            past[words++ % 4] = word;
            for (last = o = 0; o < 4; o++) last ^= past[(words + o) % 4] * prime[o];
            word = length = 0;
        }
        if (boundary[token]) continue;
        if (starts[token] && words > 3) count(start, word_bits, last, last * 1000003 ^ token * prime[4], token);
        word = word * 31 + token;
        length = 1;
    }
}
"""
