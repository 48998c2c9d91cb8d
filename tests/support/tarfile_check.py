"""Extracts a .tar.zst with Python's tarfile over zstandard: tarfile_check.py BUNDLE DIRECTORY. Knows nothing of snap."""

import sys
import tarfile
import warnings

import zstandard

warnings.simplefilter("error")
bundle, directory = sys.argv[1:]
with open(bundle, "rb") as file:
    stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as tar:
        if hasattr(tarfile, "fully_trusted_filter"):
            tar.extraction_filter = staticmethod(tarfile.fully_trusted_filter)
        tar.extractall(directory)
