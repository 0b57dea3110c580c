"""What simpler predictors reach on the same symbols, each by the same prequential rule.

python -m bioplastic.learning.baselines kjv alice29 [--which all] [--symbols N] [--alphabet az]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bioplastic.errors import BioplasticError, UsageError, nearest
from bioplastic.learning.corpus import SymbolStream, load
from bioplastic.learning.gru import OnlineGRU
from bioplastic.learning.ngram import NGram
from bioplastic.learning.ppm import PPMd
from bioplastic.learning.prequential import (
    Compressor,
    Predictor,
    Unavailable,
    last_third_start,
)
from bioplastic.learning.suffix_table import SuffixTable
from bioplastic.learning.uniform import Uniform
from bioplastic.learning.unigram import Unigram

PREDICTORS: dict[str, Predictor] = {
    p.name: p for p in (Uniform(), Unigram(), NGram(), SuffixTable(), OnlineGRU())
}
COMPRESSORS: dict[str, Compressor] = {"ppmd": PPMd()}
ALL = ("uniform", "unigram", "ngram", "suffix_table", "ppmd", "gru")
DEFAULT = ALL[:-1]
GROUPS: dict[str, tuple[str, ...]] = {"all": ALL, "default": DEFAULT, "none": ()}


@dataclass(frozen=True, kw_only=True)
class BaselineResult:
    """What one baseline reached.

    bits_per_symbol  mean surprise; nan if it could not be measured
    last_third       the same over symbols from 2L // 3
    seconds          wall time, the compilation of a first call included
    surprise (L,)    float64 bits of each symbol, or None where there is none
    note             why a figure is missing or how it is to be read; '' if nothing needs saying
    """

    name: str
    bits_per_symbol: float
    last_third: float
    seconds: float
    surprise: np.ndarray | None
    note: str = ""


def names(which: str | Sequence[str]) -> tuple[str, ...]:
    """Resolve names of baselines, in the order of `ALL`.

    which   names, or the words ``default`` (together under 60 s for 100 000 symbols), ``all`` and
            ``none``; a string is split at commas
    Raises UsageError for an unknown name, offering the nearest.
    """
    asked = which.split(",") if isinstance(which, str) else list(which)
    chosen: set[str] = set()
    for word in (w.strip() for w in asked):
        if word in GROUPS:
            chosen.update(GROUPS[word])
        elif word in ALL:
            chosen.add(word)
        else:
            raise UsageError(f"unknown baseline {word!r}{nearest(word, (*ALL, *GROUPS))}")
    return tuple(name for name in ALL if name in chosen)


def run(
    stream: SymbolStream,
    which: str | Sequence[str] = "default",
    *,
    progress: Callable[[str], None] | None = None,
) -> dict[str, BaselineResult]:
    """Measure baselines on a stream; name → result, in the order of `ALL`.

    which      see `names`
    progress   called with one line before each baseline and with the estimate of a slow one
    A baseline that cannot run here is in the answer all the same, with nan and the reason.
    Raises UsageError for an unknown name, before anything runs.
    """
    found: dict[str, BaselineResult] = {}
    for name in names(which):
        if progress is not None:
            progress(f"baseline {name} on {len(stream)} symbols")
        started = time.perf_counter()
        try:
            if name in COMPRESSORS:
                result = _compressed(COMPRESSORS[name], stream)
            else:
                predictor = PREDICTORS[name]
                if isinstance(predictor, OnlineGRU):
                    predictor = replace(predictor, progress=progress)
                result = _predicted(predictor, stream)
        except Unavailable as reason:
            result = BaselineResult(
                name=name,
                bits_per_symbol=np.nan,
                last_third=np.nan,
                seconds=0.0,
                surprise=None,
                note=str(reason),
            )
        found[name] = replace(result, seconds=time.perf_counter() - started)
    return found


def _predicted(predictor: Predictor, stream: SymbolStream) -> BaselineResult:
    """Measure a baseline that has a figure for every symbol."""
    surprise = predictor.bits(stream)
    return BaselineResult(
        name=predictor.name,
        bits_per_symbol=float(surprise.mean()),
        last_third=float(surprise[last_third_start(len(stream)) :].mean()),
        seconds=0.0,
        surprise=surprise,
    )


def _compressed(compressor: Compressor, stream: SymbolStream) -> BaselineResult:
    """Measure a baseline by sizes; the last third is the whole less the first two thirds."""
    start = last_third_start(len(stream))
    whole = compressor.bits_total(stream)
    third = whole - compressor.bits_total(stream, start)
    return BaselineResult(
        name=compressor.name,
        bits_per_symbol=whole / len(stream),
        last_third=third / (len(stream) - start),
        seconds=0.0,
        surprise=None,
        note="from compressed sizes",
    )


def table(stream: SymbolStream, results: dict[str, BaselineResult]) -> str:
    """Return the results as Markdown."""
    lines = [
        f"{stream.name}: {len(stream)} of {stream.symbols_available} symbols, "
        f"alphabet {stream.alphabet} ({stream.alphabet_size})",
        "",
        "| baseline | bits/symbol | last third | seconds | note |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.name} | {r.bits_per_symbol:.3f} | {r.last_third:.3f} | {r.seconds:.1f} | {r.note} |"
        for r in results.values()
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Print one table per corpus; return 0, 1 for a failure or 2 for a usage error."""
    parser = argparse.ArgumentParser(description="Prequential baselines of a corpus.")
    parser.add_argument("corpus", nargs="+", help="kjv, alice29 or a file")
    parser.add_argument("--symbols", type=int, default=100_000)
    parser.add_argument("--alphabet", default="az", help="az, bytes, text, integers or dna")
    parser.add_argument("--limit", type=int, default=256, help="largest alphabet accepted")
    parser.add_argument("--which", default="default", help=f"default, all, or of {', '.join(ALL)}")
    asked = parser.parse_args(argv)
    try:
        for corpus in asked.corpus:
            stream = load(corpus, symbols=asked.symbols, alphabet=asked.alphabet, limit=asked.limit)
            results = run(stream, asked.which, progress=lambda line: print(line, file=sys.stderr))
            print(table(stream, results))
    except BioplasticError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
