"""A few rows through a booster by the library's call for single rows, whose preparations are made once.

`Booster.predict` prepares each call anew. With 300 trees of 31 leaves and 30 features a row took 41 us by it, and 16 by
the library's call for single rows; all but 4 of these are the way through the trees.
"""

from __future__ import annotations

import ctypes
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW_ROWS = 8  # from twice as many on, the many calls took as long as one of the other kind

_LIBRARY = "_LIB"
_INIT = "LGBM_BoosterPredictForMatSingleRowFastInit"
_CALL = "LGBM_BoosterPredictForMatSingleRowFast"
_FREE = "LGBM_FastConfigFree"
_RAW_SCORE = 1  # C_API_PREDICT_RAW_SCORE
_FLOAT64 = 1  # C_API_DTYPE_FLOAT64
_ALL_ROUNDS = -1
_PARAMETERS = b"num_threads=1"  # as everywhere: the library keeps them for all its calls


@dataclass(frozen=True, slots=True)
class RowByRow:
    """Rows one by one, from any number of threads.

    A prepared call is for one thread at a time. Those that nobody uses are kept: as many as there were ever threads at
    once. (With one for all, behind the library's lock, calls of 4 threads on 2 cores took 2.3 times as long.)
    """

    booster: Any  # lightgbm.Booster
    _free: list[_Call] = field(default_factory=list)

    @classmethod
    def of(cls, booster: Any) -> RowByRow | None:
        """None where the library has no such call."""
        has_calls = all(hasattr(_library(), name) for name in (_INIT, _CALL, _FREE))
        return cls(booster) if has_calls and hasattr(booster, "_handle") else None

    def outputs(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n_rows, n_outputs) raw scores, the bits of `Booster.predict`."""
        call = self._taken()
        outputs = np.empty((len(X), len(call.answer)))
        for row, output in zip(X, outputs, strict=True):
            output[:] = call(row)
        self._free.append(call)
        return outputs

    def _taken(self) -> _Call:
        try:
            return self._free.pop()  # one step for the interpreter: no two threads get the same
        except IndexError:
            return _Call(self.booster)


class _Call:
    """A prepared call, with room for a row and for the answer to it. Given back to the library with its last user."""

    def __init__(self, booster: Any) -> None:
        from lightgbm.basic import _safe_call

        library = _library()
        self._booster = booster  # it must not go before the call does
        self.row = np.empty(booster.num_feature(), np.float64)
        self.answer = np.empty(booster.num_model_per_iteration(), np.float64)
        prepared = ctypes.c_void_p()
        _safe_call(
            getattr(library, _INIT)(
                booster._handle,  # noqa: SLF001 - the library's Python side has no such call
                ctypes.c_int(_RAW_SCORE),
                ctypes.c_int(0),
                ctypes.c_int(_ALL_ROUNDS),
                ctypes.c_int(_FLOAT64),
                ctypes.c_int32(len(self.row)),
                ctypes.c_char_p(_PARAMETERS),
                ctypes.byref(prepared),
            )
        )
        weakref.finalize(self, getattr(library, _FREE), prepared)
        self._length = ctypes.c_int64()
        self._arguments = (
            prepared,
            ctypes.c_void_p(self.row.ctypes.data),
            ctypes.byref(self._length),
            ctypes.c_void_p(self.answer.ctypes.data),
        )
        self._call, self._check = getattr(library, _CALL), _safe_call

    def __call__(self, row: NDArray[np.floating]) -> NDArray[np.float64]:
        """The answer, which stands until the next call."""
        self.row[:] = row
        self._check(self._call(*self._arguments))
        return self.answer


def _library() -> Any:
    """The compiled library; None where the package keeps it elsewhere."""
    from lightgbm import basic

    return getattr(basic, _LIBRARY, None)
