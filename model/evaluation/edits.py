"""How far one text is from another."""


def distance(before: str, after: str) -> int:
    """Levenshtein distance in characters.

    source: Hyyrö, A bit-vector algorithm for computing Levenshtein distance (2003), one integer for a column
    """
    if not before:
        return len(after)
    places: dict[str, int] = {}
    for place, character in enumerate(before):
        places[character] = places.get(character, 0) | 1 << place
    full, last = (1 << len(before)) - 1, 1 << (len(before) - 1)
    rises, falls, score = full, 0, len(before)
    for character in after:
        match = places.get(character, 0)
        vertical = match | falls
        same = (((match & rises) + rises) ^ rises) | match
        up = falls | ~(same | rises) & full
        down = rises & same
        score += bool(up & last) - bool(down & last)
        up, down = (up << 1 | 1) & full, (down << 1) & full
        rises = (down | ~(vertical | up)) & full
        falls = up & vertical
    return score
