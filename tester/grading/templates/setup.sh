#!/usr/bin/env bash
# Runs once, when Gradescope builds the image: a Python of 3.11 or newer, and labtester.
set -euo pipefail
root=${AUTOGRADER:-/autograder}

apt-get update
python=
for version in 3.13 3.12 3.11 3.14; do
  if apt-get install -y "python$version" "python$version-venv"; then
    python=python$version
    break
  fi
done
if [ -z "$python" ]; then
  echo "setup.sh: expected a package of Python 3.11 or newer, got none: choose a newer base image" >&2
  exit 1
fi
"$python" -m venv "$root/venv"
"$root/venv/bin/pip" install @REQUIREMENTS@
site=$("$root/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp -r "$root/source/packages/." "$site/"
chmod -R a+rX "$root/venv"
