"""What a file system refused, in one line that says what to do about it."""

from __future__ import annotations

import errno
import re

ADVICE = {
    errno.ENOSPC: "the disk is full. Free some space, or name a place on another disk",
    errno.EDQUOT: "the quota of the disk is used up. Free some space, or name a place on another disk",
    errno.EFBIG: "the file would be larger than it may be. Raise the limit (`ulimit -f`), or name another disk",
    errno.EROFS: "the disk is read-only. Name another place",
    errno.EACCES: "this user may not do that there. Change who may, or name another place",
    errno.EPERM: "this user may not do that there. Change who may, or name another place",
    errno.ENOENT: "there is no such file or folder. Check the path",
    errno.ENOTDIR: "a part of the path is a file where a folder is needed. Name another place",
    errno.EEXIST: "a file is where a folder is needed. Name another place",
    errno.EISDIR: "it is a folder where a file is needed. Name a file",
    errno.ENAMETOOLONG: "the name is too long. Give a shorter one",
    errno.EIO: "the disk answers with an error. Look at its health, or name a place on another one",
}


def in_words(error: OSError) -> str:
    """One line: which path, what happened, what to do."""
    place = f"{error.filename}: " if error.filename else ""
    said = str(error.strerror or error)
    in_text = re.search(r"\(os error (\d+)\)", said)  # polars writes the number into its text
    advice = ADVICE.get(error.errno or (int(in_text[1]) if in_text else 0))
    if advice is None and re.fullmatch(r"\d+ requested and \d+ written", said):  # numpy, of a file that it cut short
        advice = "a file could not be written whole. See whether the disk is full, or name a place on another disk"
    return f"{place}{advice or said}."
