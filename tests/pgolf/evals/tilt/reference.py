"""The n-gram predictor of PR 1514, written from its description: plain, slow, and independent of the kernel."""

PRIMES = [
    36313, 27191, 51647, 81929, 131071, 196613, 262147, 393241, 524309, 655373, 786433, 917521, 1048583, 1179653, 1310729,
    1441801, 1572869, 1703941, 1835017, 1966087, 2097169, 2228243, 2359319, 2490389, 2621471, 2752549, 2883617, 3014687,
    3145757, 3276833, 3407903, 3538973,
]  # fmt: skip
LAST64 = 2**64 - 1
PROBES = 16
NEEDED = {8: (0.7, 3), 10: (0.7, 3), 12: (0.6, 2), 14: (0.5, 2), 16: (0.5, 2)}


class Slots:
    """2^bits places; a key takes the first free one of the 16 from its own on, or none."""

    def __init__(self, bits):
        self.size, self.keys, self.values = 2**bits, {}, {}

    def place(self, key):
        first = key * 0x9E3779B97F4A7C15 % 2**64
        for probe in range(PROBES):
            place = (first + probe) % self.size
            if self.keys.setdefault(place, key) == key:
                return place
        return None

    def known(self, key):
        first = key * 0x9E3779B97F4A7C15 % 2**64
        for probe in range(PROBES):
            place = (first + probe) % self.size
            if place not in self.keys:
                return None
            if self.keys[place] == key:
                return self.values[place]
        return None


class Counts:
    def __init__(self, bits, salt):
        self.contexts, self.pairs, self.salt = Slots(bits), Slots(bits), PRIMES[salt % 32]

    def hint(self, context, sure, often):
        found = self.contexts.known(context)
        if found is None:
            return None
        count, token, times = found
        return (token, times / count) if times / count >= sure and count >= often else None

    def learn(self, context, token):
        pair = context * 1000003 % 2**64 ^ token * self.salt % 2**64
        place, seen = self.pairs.place(pair), 0
        if place is not None:
            seen = self.pairs.values[place] = self.pairs.values.get(place, 0) + 1
        place = self.contexts.place(context)
        if place is None:
            return
        count, best, times = self.contexts.values.get(place, (0, token, 0))
        if token == best:
            times += 1
        elif seen > times:
            best, times = token, seen
        self.contexts.values[place] = count + 1, best, times


def mixed(numbers):
    found = 0
    for number, prime in zip(numbers, PRIMES, strict=False):
        found ^= number * prime % 2**64
    return found


class Words:
    """Places inside words, and word starts after four whole words."""

    def __init__(self, bits, starts, boundary):
        self.starts, self.boundary = starts, boundary
        self.inside = [Counts(bits, 0) for _ in range(3)]
        self.after_four = Counts(bits, 4)
        self.word, self.done = [], []

    def place_inside(self):
        state = (self.word[0] + 1) * PRIMES[0]
        for n, token in enumerate(self.word[1:], 1):
            state = state * 1099511628211 % 2**64 ^ (token + 1) * PRIMES[n % 32] % 2**64
        return self.inside[min(len(self.word) - 1, 2)], state ^ len(self.word) * 0x9E3779B185EBCA87 % 2**64

    def number(self, word):
        value = 0
        for token in word:
            value = (value * 31 + token) % 2**64
        return value

    def hints(self, gate):
        """`gate`: the token whose kind decides which table may speak."""
        found = []
        if self.word and not self.starts[gate] and not self.boundary[gate]:
            table, context = self.place_inside()
            found.append(table.hint(context, 0.25, 1))
        if self.starts[gate] and len(self.done) >= 4:
            found.append(self.after_four.hint(mixed(map(self.number, self.done[-4:])), 0.8, 3))
        return [hint[0] for hint in found if hint]

    def learn(self, token):
        ends = self.boundary[token] or self.starts[token]
        if self.word and not ends:
            table, context = self.place_inside()
            table.learn(context, token)
        if ends and self.word:
            self.done.append(self.word)
            self.word = []
        if self.boundary[token]:
            return
        if self.starts[token] and len(self.done) >= 4:
            self.after_four.learn(mixed(map(self.number, self.done[-4:])), token)
        self.word = [*self.word, token]


def predict(tokens, starts, boundary, bits, word_bits, base_beta, agree_bonus, leaky=False):
    """[(hint or -1, beta)] of every token. `leaky`: the gates of PR 1420's first version, which look at the token itself."""
    orders = {order: Counts(bits, order) for order in NEEDED}
    words = Words(word_bits, starts, boundary)
    found = [(-1, 0.0)]
    for p in range(1, len(tokens)):
        contexts = {order: mixed(reversed(tokens[p - order : p])) for order in orders if order <= p}
        spoken = (orders[o].hint(contexts[o], *NEEDED[o]) for o in sorted(contexts, reverse=True))
        best = next((hint for hint in spoken if hint), None)
        candidates = [[best[0], base_beta * best[1]]] if best else []
        candidates += [[token, 0.0] for token in words.hints(tokens[p] if leaky else tokens[p - 1])]
        agreed = [sum(other[0] == one[0] for other in candidates) > 1 for one in candidates]
        for one, bonus in zip(candidates, agreed, strict=True):
            one[1] += agree_bonus * bonus
        found.append(tuple(max(candidates, key=lambda one: one[1], default=(-1, 0.0))))
        for order, context in contexts.items():
            orders[order].learn(context, tokens[p])
        words.learn(tokens[p])
    return found
