"""The words of messages."""


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as "1 class" or "2,000 classes".

    Args:
      number: of things.
      noun: one of them.
    """
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {plural}"
