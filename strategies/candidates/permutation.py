"""A random order of the numbers 0 to n - 1 that takes no memory, whatever n is.

Notation:
    n: how many numbers are put in order.
    m: the side of the smallest square that holds them, m**2 >= n.
    (left, right): a number x < m**2 as x = left * m + right.
    F: keyed hash of a round, from right to 0 ... m - 1.

A Feistel network permutes the square: each round maps (left, right) to (right, left + F(right)
mod m), which can be undone and so is one to one. A number that lands at n or above is sent through
again until it lands below (cycle-walking); as m**2 < n + 2 * sqrt(n) + 1, that is seldom needed.

Source: J. Black and P. Rogaway, Ciphers with Arbitrary Finite Domains, CT-RSA 2002, the methods
"cycle-walking cipher" and "generalized-Feistel cipher".
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import final

import numpy as np

# Black and Rogaway use 3 rounds. On squares as small as 2 * 2 a few more even out the orders.
_ROUNDS = 8
# Sets the keys apart from the streams [seed, number] of the trials.
_KEY_STREAM = 2


@final
class Permutation:
    """One of the orders of the numbers from 0 to `size - 1`, told by a seed.

    Args:
        size: How many numbers, at least 1.
        seed: At least 0; another seed gives another order.

    Example:
        ```python
        from prefect_tuner.strategies.candidates.permutation import Permutation

        order = Permutation(size=5, seed=0)
        assert sorted(order.at(place) for place in range(5)) == [0, 1, 2, 3, 4]
        ```
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self._side = math.isqrt(size - 1) + 1
        self._bytes = (self._side.bit_length() + 7) // 8
        stream = np.random.SeedSequence([seed], spawn_key=(_KEY_STREAM,))
        self._keys = [int(key).to_bytes(8) for key in stream.generate_state(_ROUNDS, np.uint64)]

    def at(self, place: int) -> int:
        """The number that stands at `place`, counted from 0."""
        if not 0 <= place < self.size:
            raise IndexError(f"there is no place {place} in an order of {self.size} numbers")
        number = self._encrypt(place)
        while number >= self.size:
            number = self._encrypt(number)
        return number

    def _encrypt(self, number: int) -> int:
        left, right = divmod(number, self._side)
        for key in self._keys:
            digest = blake2b(right.to_bytes(self._bytes), digest_size=64, key=key).digest()
            left, right = right, (left + int.from_bytes(digest)) % self._side
        return left * self._side + right
