"""What of Geant4's many messages tells why it gave up."""


def telling_words(log: str) -> str:
    """Who raised the last exception in a log, and what was said; else its last error line.

    >>> telling_words('''*** G4Exception : ReadError
    ...       issued by : G4GDMLReadSolids::GetSolid()
    ... Referenced solid 'pad' was not found!
    ... *** Fatal Exception *** core dump ***''')
    "issued by : G4GDMLReadSolids::GetSolid(): Referenced solid 'pad' was not found!"
    """
    lines = [line.strip() for line in log.splitlines()]
    telling = [n for n, line in enumerate(lines) if "issued by" in line or "Error" in line]
    if not telling:
        return ""
    words = lines[telling[-1]]
    following = lines[telling[-1] + 1 : telling[-1] + 2]
    said = [line for line in following if line and "***" not in line]
    return ": ".join([words, *said]) if "issued by" in words else words
