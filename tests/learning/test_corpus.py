"""Corpora: what is read, and one clear line for what cannot be."""

import gzip
import hashlib
import lzma
import re
from importlib import resources

import numpy as np
import pytest

from bioplastic.errors import BioplasticError, CorruptFile, UsageError
from bioplastic.learning import from_symbols, load


def reference_reduction(raw):
    """The reduction under which all published figures were measured."""
    text = re.sub("[^a-z]+", " ", raw.decode("utf-8", "ignore").lower())
    return [0 if c == " " else ord(c) - 96 for c in text]


@pytest.mark.parametrize(("corpus", "file"), [("kjv", "kjv_az.txt.xz"), ("alice29", "alice29.txt")])
def test_bundled_texts_are_reduced_like_the_reference(corpus, file):
    stored = resources.files("bioplastic.data").joinpath(file).read_bytes()
    raw = lzma.decompress(stored) if file.endswith(".xz") else stored
    stream = load(corpus, symbols=3000)
    assert stream.symbols.tolist() == reference_reduction(raw[:20_000])[:3000]
    assert stream.symbols.dtype == np.uint16
    assert stream.alphabet_size == len(stream.glyphs) == 27
    assert stream.sha256 == hashlib.sha256(stored).hexdigest()
    assert stream.sha256 in resources.files("bioplastic.data").joinpath("LICENCES.md").read_text()


def test_az_on_an_awkward_sample(tmp_path):
    sample = "\ufeff  Ärger, İstanbul & naïve\r\n--42-- Ångström ſs K\n".encode()
    (tmp_path / "s.txt").write_bytes(sample)
    stream = load(str(tmp_path / "s.txt"), symbols=1000)
    assert stream.symbols.tolist() == reference_reduction(sample)
    assert stream.name == "s"


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed_files_are_opened(tmp_path, suffix, pack):
    path = tmp_path / f"song.txt{suffix}"
    path.write_bytes(pack(b"hello there"))
    stream = load(str(path), symbols=5)
    assert "".join(stream.text()) == "hello"
    assert stream.name == "song"
    path.write_bytes(pack(b"hello there" * 99)[:-9])
    with pytest.raises(CorruptFile, match="not a whole"):
        load(str(path), symbols=5)


def test_a_short_file_gives_what_it_has(tmp_path):
    (tmp_path / "short").write_text("abc")
    stream = load(str(tmp_path / "short"), symbols=100)
    assert (len(stream), stream.symbols_available) == (3, 3)
    assert load("alice29", symbols=10).symbols_available == 134_999


def test_other_alphabets(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"\xff\x00A\n")
    stream = load(str(path), symbols=9, alphabet="bytes")
    assert stream.symbols.tolist() == [255, 0, 65, 10]
    assert stream.glyphs[255] == "\\xff"
    assert stream.as_bytes() == b"\xff\x00A\n"
    path.write_text("déjà\tvu\n")
    stream = load(str(path), symbols=99, alphabet="text")
    assert "".join(stream.text()) == "déjà⇥vu↵"
    assert stream.alphabet_size == 8
    path.write_text("60 64\n 67\t60\r\n+7")
    stream = load(str(path), symbols=99, alphabet="integers")
    assert stream.text() == ("60", "64", "67", "60", "7")
    assert stream.symbols.tolist() == [1, 2, 3, 1, 0]
    path.write_text(">gene 1\nACgt\n\ntta\n")
    assert "".join(load(str(path), symbols=99, alphabet="dna").text()) == "ACGTTTA"


def test_the_alphabet_does_not_depend_on_how_much_is_asked(tmp_path):
    (tmp_path / "f").write_text("zyzyzyA")
    few = load(str(tmp_path / "f"), symbols=4, alphabet="text")
    many = load(str(tmp_path / "f"), symbols=7, alphabet="text")
    assert few.symbols.tolist() == many.symbols[:4].tolist()
    assert few.alphabet_size == many.alphabet_size == 3


def test_symbols_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        load("alice29", symbols=10).symbols[0] = 1


@pytest.mark.parametrize(
    ("contents", "alphabet", "message"),
    [
        (b"", "az", "is empty"),
        (b"a", "az", "only one symbol"),
        (b"aaaa", "bytes", "4 times the same symbol"),
        (b"12 34", "az", "only one symbol"),
        (b" \n", "integers", "holds no symbol"),
        (b"\xff\xfe\x00", "az", "not UTF-8 text .byte 0xff at offset 0.; .*alphabet=bytes"),
        (b"abc" + bytes(range(32)), "text", "looks binary"),
        ("text as UTF-16".encode("utf-16-le"), "az", "looks binary"),
        (b"1 2\n3 x4", "integers", "line 2: 'x4' is not an integer"),
        (b"1.5 2", "integers", "line 1: '1.5' is not an integer"),
        (b"1\n\n-2", "integers", "line 3: '-2' is negative"),
        (b"1" * 5000, "integers", "is not an integer"),
        (b"ACGT\nACNT", "dna", "line 2: 'N' is no base"),
        (" ".join(map(str, range(300))).encode(), "integers", "300 symbols .* limit of 256"),
    ],
)
def test_contents_that_cannot_be_used(tmp_path, contents, alphabet, message):
    (tmp_path / "f").write_bytes(contents)
    with pytest.raises(UsageError, match=message) as caught:
        load(str(tmp_path / "f"), symbols=100, alphabet=alphabet)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"corpus": "kjw"}, "did you mean 'kjv'"),
        ({"corpus": "alice"}, "did you mean 'alice29'"),
        ({"corpus": ""}, "neither a bundled text nor a file"),
        ({"corpus": "/no/such/file.txt"}, "neither a bundled text nor a file"),
        ({"corpus": "kjv", "symbols": 1}, "at least 2"),
        ({"corpus": "kjv", "symbols": -5}, "at least 2"),
        ({"corpus": "kjv", "alphabet": "txt"}, "unknown alphabet 'txt'.*did you mean 'text'"),
        ({"corpus": "kjv", "limit": 1}, "limit=1 is out of range"),
        ({"corpus": "kjv", "limit": 26}, "27 symbols .* limit of 26"),
    ],
)
def test_requests_that_cannot_be_met(asked, message):
    with pytest.raises(UsageError, match=message):
        load(**{"symbols": 100, **asked})


def test_a_directory_is_no_corpus(tmp_path):
    with pytest.raises(UsageError, match="is a directory"):
        load(str(tmp_path), symbols=100)


def test_a_device_is_no_corpus():
    with pytest.raises(UsageError, match="not a regular file"):
        load("/dev/zero", symbols=100)


def test_an_unreadable_file_is_a_failure(tmp_path, monkeypatch):
    (tmp_path / "f").write_text("abc")

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(BioplasticError, match="cannot be read: Permission denied") as caught:
        load(str(tmp_path / "f"), symbols=100)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("symbols", "size"), [([0], 2), ([0, 2], 2), ([0, -1], 2), ([0.5, 1], 2), ([0, 1], 1)]
)
def test_arrays_that_are_no_stream(symbols, size):
    with pytest.raises(UsageError):
        from_symbols(symbols, size)
