"""EIEIO packets: bytes by hand, identity, every broken byte, and SpiNNMan's own reader."""

import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic import export
from bioplastic.errors import CorruptFile, UsageError
from bioplastic.export.aer import eieio, eieio_packet
from bioplastic.export.bundle import sealed

BITS = (16, 32)
EVENTS = st.sets(st.tuples(st.integers(0, 200), st.integers(0, 65535)), max_size=300)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def arrays(events):
    table = np.array(sorted(events), np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def test_the_bytes_of_a_packet():
    """Count 3, type 2 (32-bit keys), T and D; then the time, then the keys."""
    payload = eieio_packet.encode(np.array([42] * 3), np.array([128, 131, 70_000]))
    assert payload == struct.pack("<HI3I", 3 | 2 << 10 | 1 << 12 | 1 << 13, 42, 128, 131, 70_000)
    short = eieio_packet.encode(np.array([42]), np.array([128]), 16)
    assert short == struct.pack("<HHH", 1 | 1 << 12 | 1 << 13, 42, 128)


@FUZZ
@given(EVENTS, st.sampled_from(BITS))
def test_decode_of_encode_is_identity(events, bits):
    step, key = arrays(events)
    payload = eieio_packet.encode(step, key, bits)
    back = eieio_packet.decode(payload, bits)
    assert np.array_equal(back[0], step)
    assert np.array_equal(back[1], key)
    assert all(len(k) <= 63 for _, k in eieio_packet.packets(payload, bits))


@FUZZ
@given(EVENTS, st.sampled_from(BITS), st.data())
def test_broken_bytes_are_refused_or_read_as_they_are(events, bits, data):
    whole, numbers = arrays(events)
    raw = bytearray(eieio_packet.encode(whole, numbers, bits))
    for _ in range(data.draw(st.integers(0, 2))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    payload = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        step, key = eieio_packet.decode(payload, bits)
    except CorruptFile:
        return
    assert eieio_packet.encode(step, key, bits) == payload


@pytest.mark.parametrize(
    ("step", "key", "bits", "why"),
    [
        ([1 << 16], [0], 16, "a step outside 0..65535"),
        ([0], [1 << 32], 32, "a key outside"),
        ([-1], [0], 32, "a step outside"),
        ([1, 0], [0, 0], 32, "ordered"),
        ([1, 1], [2, 2], 32, "none twice"),
        ([1], [2], 24, "bits = 24"),
    ],
)
def test_spikes_that_do_not_fit_are_refused(step, key, bits, why):
    with pytest.raises(UsageError, match=why):
        eieio_packet.encode(np.array(step), np.array(key), bits)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"\x01", "without head and time"),
        (struct.pack("<HI", 0x3800, 1), "is not that of keys with one time"),
        (struct.pack("<HII", 0x0801, 1, 2), "is not that of keys"),
        (struct.pack("<HII", 0x3802, 1, 2), "cut off"),
        (struct.pack("<HIIHII", 0x3801, 1, 2, 0x3801, 1, 3), "cut into packets otherwise"),
        (struct.pack("<HIIHII", 0x3801, 2, 2, 0x3801, 1, 3), "not ordered"),
    ],
)
def test_packets_that_are_wrong_are_refused(payload, why):
    with pytest.raises(CorruptFile, match=why):
        eieio_packet.decode(payload)


def test_keys_have_16_bits_where_they_fit(spikes, tmp_path):
    folder = export.write(spikes, "eieio", tmp_path / "out").folder
    index = sealed.unseal(folder, eieio.KIND)
    assert [(f["dt"], f["bits"], f["spikes"]) for f in index["packets"]] == [
        (1e-4, 16, 700), (1e-3, 16, 3),
    ]  # fmt: skip


def test_keys_and_times_have_32_bits_where_16_do_not_hold_them(long_spikes, tmp_path):
    folder = export.write(long_spikes, "eieio", tmp_path / "out").folder
    assert sealed.unseal(folder, eieio.KIND)["packets"][0]["bits"] == 32


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["spikes", "long_spikes"])
def test_spinnman_reads_the_packets(name, tmp_path, request):
    """Key for key and time for time, in the order of the file."""
    reader = pytest.importorskip("spinnman.messages.eieio.create_eieio_data")
    folder = export.write(request.getfixturevalue(name), "eieio", tmp_path / "out").folder
    total = 0
    for entry in sealed.unseal(folder, eieio.KIND)["packets"]:
        payload = (folder / entry["file"]).read_bytes()
        at, found = 0, []
        for _ in eieio_packet.packets(payload, entry["bits"]):
            message = reader.read_eieio_data_message(payload, at)
            while message.is_next_element:
                element = message.next_element
                assert element.payload_is_timestamp
                found.append((element.payload, element.key))
            at += 2 + entry["bits"] // 8 * (1 + message.n_elements)
        assert at == len(payload)
        step, key = eieio_packet.decode(payload, entry["bits"])
        assert found == list(zip(step.tolist(), key.tolist(), strict=True))
        total += len(found)
    assert total == sum(len(r.steps) for r in request.getfixturevalue(name).values())
