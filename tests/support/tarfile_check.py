"""Extracts a .tar.zst with Python's tarfile over zstandard: tarfile_check.py BUNDLE DIRECTORY [ENCODING].

ENCODING is what names outside of pax records are taken for, UTF-8 if not given. Knows nothing of snap."""

import sys
import tarfile
import warnings

import zstandard

warnings.simplefilter("error")
bundle, directory = sys.argv[1:3]
encoding = sys.argv[3] if len(sys.argv) > 3 else "utf-8"
with open(bundle, "rb") as file:
    stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=2, encoding=encoding) as tar:
        if hasattr(tarfile, "fully_trusted_filter"):
            tar.extraction_filter = staticmethod(tarfile.fully_trusted_filter)
        tar.extractall(directory)
