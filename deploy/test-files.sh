#!/bin/sh
# DICOM files the tests read that no wheel holds: from the pinned sources of their packages to build/test-files.
# Usage: test-files.sh PYTHON
set -eu
python=$1
cd "$(dirname "$0")/.."
target=build/test-files
mkdir -p build
work=$(mktemp -d build/test-files.XXXXXX)
trap 'rm -rf "$work"' EXIT
"$python" -m pip --disable-pip-version-check -q download --no-deps --no-binary nibabel,pynetdicom \
    --require-hashes -r deploy/test-files.txt -d "$work"
mkdir "$work/files"
for archive in "$work"/*.tar.gz; do
    tar -xzf "$archive" -C "$work/files" --no-same-owner --wildcards '*.dcm*'
done
rm -rf "$target"
mv "$work/files" "$target"
