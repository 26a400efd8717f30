"""Spoil models in ways that a seed decides, and load them as the server does: `python mutants.py DIRECTORY SEED COUNT`.

Prints how many were refused and how many served, of which some fail on their warm-up. Anything but ModelLoadError, such
as the end of the process, is a finding.
"""

import random
import sys
from collections import Counter
from pathlib import Path

from leadsman_serving.errors import ModelLoadError
from leadsman_serving.session import load

MOST_ROWS = 64
MOST_BYTES = 1 << 20


def spoiled(data: bytes, chance: random.Random) -> bytes:
    """The same bytes but for a few places: cut, flipped, doubled, or with another number."""
    spoiled = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 16])):
        at = chance.randrange(len(spoiled))
        match chance.randrange(5):
            case 0:
                spoiled[at] ^= 1 << chance.randrange(8)
            case 1:
                spoiled[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
            case 2:
                del spoiled[at : at + chance.randrange(1, 9)]
            case 3:
                spoiled[at:at] = spoiled[at : at + chance.randrange(1, 30)]
            case _:
                spoiled[at : at + 9] = bytes([0xFF] * 8 + [0x01])
        if not spoiled:
            break
    return bytes(spoiled if chance.random() < 0.9 else spoiled[: chance.randrange(len(spoiled) + 1)])


def main(directory: Path, seed: int, count: int) -> None:
    originals = [path.read_bytes() for path in sorted(directory.glob("*.onnx"))]
    outcomes: Counter[str] = Counter()
    place = directory / "mutant"
    place.mkdir(exist_ok=True)
    for number in range(count):
        chance = random.Random(f"{seed}/{number}")
        (place / "model.onnx").write_bytes(spoiled(chance.choice(originals), chance))
        try:
            load(place, 1).warm_up([], MOST_BYTES, MOST_ROWS)
            outcomes["served"] += 1
        except ModelLoadError:
            outcomes["refused"] += 1
    print(dict(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
